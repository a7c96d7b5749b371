"""What must not bring the node down: failing models, clocks, storms, slow listeners, signals.

SIGNAL_TRIES sets how many signals are sent; `make soak` sends far more.
"""

import os
import random
import signal
import threading
import time

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_harness import PROCESSES, Client, Process, running_node
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String

from ros2_captioner.ros.messages.images import raw_message

RAW = "/camera/image_raw"
FAULTY = PROCESSES / "faulty_node.py"
SIGNAL_TRIES = int(os.environ.get("SIGNAL_TRIES", "8"))


@pytest.fixture
def node(tmp_path):
    with running_node(tmp_path) as process:
        yield process


def faulty(tmp_path, monkeypatch, fault, **parameters):
    monkeypatch.setenv("FAULT", fault)
    process = Process(FAULTY, tmp_path / "node.log", **parameters)
    process.wait_for_log("captioning")
    return process


def test_a_hanging_model_is_reported_while_it_hangs(
    tmp_path, monkeypatch, client, photograph, marks
):
    node = faulty(tmp_path, monkeypatch, "hang")
    try:

        def hangs(status):
            client.send(photograph)  # again and again: frames before discovery may be lost
            return status.level == DiagnosticStatus.ERROR

        status = client.diagnosis("model", hangs)
        assert "batch has taken" in status.message
        assert "batch has taken" in node.log
        seconds = float(status.message.split("taken ")[1].split(" s")[0])
        marks("a hanging model is reported after", seconds, "s", at_most=2.6)  # 2 s + its period
        client.diagnosis("model", lambda s: s.level == DiagnosticStatus.OK)
    finally:
        assert node.stop() == 0


def test_out_of_memory_costs_a_frame_and_not_the_node(tmp_path, monkeypatch, client, photograph):
    node = faulty(tmp_path, monkeypatch, "memory")
    try:
        client.caption_of(photograph)
        client.caption_of(photograph)
        assert "no room for the feature map" in node.log
        status = client.diagnosis(RAW, lambda s: True)
        assert any(value.key == "dropped: inference_failed" for value in status.values)
    finally:
        assert node.stop() == 0


def test_a_runtime_that_fails_is_replaced_and_named(tmp_path, monkeypatch, client, photograph):
    # By name: with auto, OpenVINO would take over where it is installed.
    node = faulty(tmp_path, monkeypatch, "device", backend="onnxruntime")
    try:
        expected = client.caption_of(photograph)["caption"]
        assert client.caption_of(photograph)["caption"] == expected
        status = client.diagnosis("model", lambda s: s.level == DiagnosticStatus.WARN)
        assert "the device is lost" in status.message and "reloaded" in status.message
        node.wait_for_log("onnxruntime on cpu failed (the device is lost); reloaded")
        assert "inference_failed" not in node.log
        assert client.transition("deactivate") and client.transition("cleanup")
        for _ in range(2):  # the cameras are watched more often
            client.diagnosis("model", lambda s: "unconfigured" in s.message)
        assert "works again" not in node.log
    finally:
        assert node.stop() == 0


def test_a_clock_that_jumps_back_or_turns_negative_stops_nothing(tmp_path, client, photograph):
    process = Process("captioner_node", tmp_path / "node.log", use_sim_time=True)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.VOLATILE)
    clock = client.node.create_publisher(Clock, "/clock", latched)
    seconds = 1000

    def captioned():
        tick = Clock()
        tick.clock.sec = seconds
        clock.publish(tick)
        header = client.header()
        header.stamp = tick.clock
        client.publish(RAW, raw_message(photograph, header))
        return client.spin_until(lambda: f'"sec": {seconds}' in "".join(client.details), 0.5)

    def negative_refused():
        clock.publish(Clock(clock=Time(sec=-1)))
        return "refuses a time on /clock (Seconds" in process.log

    try:
        process.wait_for_log("captioning")
        assert client.spin_until(captioned)
        seconds = 10
        assert client.spin_until(captioned)
        assert client.spin_until(negative_refused)
        seconds = 5000
        assert client.spin_until(captioned)
    finally:
        assert process.stop() == 0


def test_a_storm_of_parameters_is_answered_and_captions_go_on(node, client, photograph, marks):
    client.caption_of(photograph)
    taken_s = []
    for turn in range(200):
        if turn % 5 == 0:
            client.send(photograph)
        results, seconds = client.set_parameters(length_penalty=turn / 100, beam_width=1 + turn % 5)
        assert all(result.successful for result in results)
        taken_s.append(seconds)
    detail = client.caption_of(photograph)
    assert detail["beam_width"] == 5
    slow = sorted(taken_s)[int(0.99 * len(taken_s))]
    marks("parameter set p99 under a storm, one camera", 1000 * slow, "ms", at_most=100)


def test_requests_that_rclpy_fails_at_are_answered_and_end_no_node(node, client):
    unknown = [ParameterMessage(name="beam_width", value=ParameterValue(type=42))]
    for kind in (SetParameters, SetParametersAtomically):
        name = f"/captioner/set_parameters{'_atomically' * (kind is SetParametersAtomically)}"
        response, _ = client.call(kind, name, kind.Request(parameters=unknown))
        assert "successful=True" not in str(response)
    # By its number alone, as nav2 asks for one.
    for number in (Transition.TRANSITION_CONFIGURE, 99):
        request = ChangeState.Request(transition=Transition(id=number))
        response, _ = client.call(ChangeState, "/captioner/change_state", request)
        assert not response.success
    assert client.state() == "active"
    assert "refused a request on captioner/set_parameters: ValueError: 42" in node.log


def test_transitions_amid_frames_and_requests(node, client, photograph):
    """The lifecycle goes round while frames and services keep coming."""
    client.caption_of(photograph)
    over = threading.Event()
    publisher = client.node.create_publisher(type(raw_message(photograph, client.header())), RAW, 5)

    def flood():
        while not over.wait(0.02):
            publisher.publish(raw_message(photograph, client.header()))

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        for _ in range(10):
            assert client.transition("deactivate") and client.transition("cleanup")
            assert client.transition("configure") and client.transition("activate")
        client.details.clear()
        assert client.spin_until(lambda: bool(client.details))
    finally:
        over.set()
        thread.join()


def test_a_listener_that_never_reads_slows_nobody(node, client, photograph):
    """Its queue is full and stays so; the publisher must not wait for it."""
    idle = Client(listening=False)
    try:
        idle.node.create_subscription(String, "/scene_caption", lambda message: None, 1)
        client.caption_of(photograph)
        for _ in range(30):
            client.details.clear()
            client.send(photograph)
            assert client.spin_until(lambda: bool(client.details), 5)
    finally:
        idle.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_that_is_still_loading(tmp_path, monkeypatch, number):
    monkeypatch.setenv("FAULT", "load")
    process = Process(FAULTY, tmp_path / "node.log")
    process.wait_for_log("loading")
    assert process.stop(number) == 0  # long before it has loaded
    assert "Traceback" not in process.log and "midst of a transition" in process.log


def test_a_signal_ends_a_node_whose_worker_is_deep_in_the_runtime(
    tmp_path, monkeypatch, client, photograph
):
    node = faulty(tmp_path, monkeypatch, "busy")

    def hangs(status):
        client.send(photograph)
        return status.level == DiagnosticStatus.ERROR

    client.diagnosis("model", hangs)
    assert node.stop() == 0
    assert "did not stop" in node.log and "terminate" not in node.log


def test_a_node_that_ended_is_gone_from_the_graph_at_once(tmp_path, client):
    """One that leaves DDS without a word is taken for alive for twenty seconds."""
    # A name of its own: a captioner of an earlier test may still be in memory of this process.
    process = Process("captioner_node", tmp_path / "node.log", ["__node:=leaving"])
    process.wait_for_log("captioning")
    assert client.spin_until(lambda: "leaving" in client.node.get_node_names())
    assert process.stop() == 0
    assert client.spin_until(lambda: "leaving" not in client.node.get_node_names(), 10.0)


def test_signals_at_any_moment_end_the_node_cleanly(tmp_path, client, photograph, marks):
    """While it imports, configures, captions or is already ending."""
    draw, slowest_s, failures = random.Random(1), 0.0, []
    for turn in range(SIGNAL_TRIES):
        process = Process("captioner_node", tmp_path / f"{turn}.log")
        number = (signal.SIGINT, signal.SIGTERM)[turn % 2]
        process.wait_for_signals()
        until = time.monotonic() + draw.uniform(0, 2.0)
        publisher = client.node.create_publisher(
            type(raw_message(photograph, client.header())), RAW, 5
        )
        while time.monotonic() < until:
            publisher.publish(raw_message(photograph, client.header()))
            client.spin_until(lambda: False, 0.05)
        client.node.destroy_publisher(publisher)
        begun = time.monotonic()
        process.signal(number)
        if turn % 4 == 3:  # impatient: a second one while it cleans up
            time.sleep(0.05)
            process.signal(number)
        status = process.exit_status()
        slowest_s = max(slowest_s, time.monotonic() - begun)
        if status != 0 or "Traceback" in process.log:
            failures.append((turn, number, status, process.log))
    marks(
        "signals at any moment that end with exit 0",
        SIGNAL_TRIES - len(failures),
        f"of {SIGNAL_TRIES}",
        at_least=SIGNAL_TRIES,
    )
    marks("slowest end after a signal", slowest_s, "s", at_most=3.0)
    assert not failures, failures[0]
