"""The terminal view as a process beside the node."""

import functools
import itertools
import os
import pty
import select
import signal
import subprocess
import sys

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.qos import ReliabilityPolicy
from ros_harness import SCRIPTS, START_TIMEOUT_S, Client, Process
from std_msgs.msg import String

RAW = "/camera/image_raw"
MODEL = DiagnosticStatus(
    name="captioner: model",
    message="mended",
    values=[KeyValue(key="peak memory (MiB)", value="150")],
)


def test_into_a_pipe_it_prints_a_line_for_each_caption(tmp_path, photograph):
    client = Client(listening=False)
    node = Process("captioner_node", tmp_path / "node.log")
    watch = Process("captioner_watch", tmp_path / "watch.log")
    try:
        node.wait_for_log("captioning")
        # Watching is listening: the node works for it alone.
        while f"{RAW}: a" not in watch.log:
            client.send(photograph)
            client.spin_until(lambda: f"{RAW}: a" in watch.log, 2.0)
            assert node.alive and watch.alive
        assert watch.stop() == 0 and "\x1b" not in watch.log
    finally:
        watch.stop()
        assert node.stop() == 0
        client.close()


@pytest.fixture
def on_terminal(monkeypatch, client):
    """What it writes to a terminal, with this environment, until it has written a text."""

    def run(until, **environment):
        for name, value in {"NO_COLOR": "", **environment}.items():
            monkeypatch.setenv(name, value)
        master, slave = pty.openpty()
        watch = subprocess.Popen([sys.executable, str(SCRIPTS / "captioner_watch")], stdout=slave)
        os.close(slave)
        details = map('{{"camera": "/c", "caption": "a dog {}"}}'.format, itertools.count())
        written = bytearray()

        def shown():
            client.publish("/scene_caption/detail", String(data=next(details)))
            client.publish("/diagnostics", DiagnosticArray(status=[MODEL]))
            while select.select([master], [], [], 0)[0]:
                written.extend(os.read(master, 4096))
            return until in written

        try:
            assert client.spin_until(shown, 2 * START_TIMEOUT_S), written
        finally:
            watch.kill()
            watch.wait()
            os.close(master)
        return bytes(written)

    return run


@pytest.mark.parametrize("name", ["dumb", ""])
def test_a_dumb_terminal_gets_the_lines_of_a_pipe(on_terminal, name):
    assert b"\x1b" not in on_terminal(b"/c: a dog", TERM=name)


def test_a_terminal_is_redrawn_and_in_colour_unless_that_is_unwanted(on_terminal):
    drawn = b"\x1b[K      mended\r\n"
    assert b"\x1b[H\x1b[K\x1b[32mOK" in on_terminal(drawn, TERM="xterm")
    plain = on_terminal(drawn, TERM="xterm", NO_COLOR="1")
    assert b"\x1b[H\x1b[KOK    model" in plain and b"\x1b[1m" not in plain
    # What stood there, its own warnings too, has scrolled out of the 24 lines.
    assert plain.startswith(b"\r\n" * 24 + b"\x1b[H") and plain.count(b"\r\n" * 24) == 1


def test_parameters_that_do_nothing_are_named(tmp_path):
    watch = Process("captioner_watch", tmp_path / "watch.log", camera="/x")
    watch.wait_for_log("there is no parameter camera; this node has none")
    assert watch.stop() == 0


def test_overrides_of_what_it_hears_win_and_others_are_named(tmp_path, client):
    detail = "/robot/scene_caption/detail"
    policy = "subscription.reliability"
    unused = "qos_overrides./scene_caption/detail.publisher.depth"
    watch = Process(
        "captioner_watch",
        tmp_path / "watch.log",
        **{
            f"qos_overrides.{detail}.{policy}": "best_effort",
            f"qos_overrides./diagnostics.{policy}": "best_effort",
            unused: 3,
        },
    )
    watch.wait_for_log(f"{unused} is of no topic of this node")
    client.publish(detail, String(data="no JSON"))  # once it listens
    for topic in (detail, "/diagnostics"):
        (found,) = client.node.get_subscriptions_info_by_topic(topic)
        assert found.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert watch.stop() == 0 and watch.log.count("of no topic") == 1


def test_a_senseless_override_ends_it_in_a_line(tmp_path):
    name = "qos_overrides./diagnostics.subscription.depth"
    watch = Process("captioner_watch", tmp_path / "watch.log", **{name: 0})
    assert watch.exit_status() == 1
    assert watch.log.startswith(f"error: {name} is 0; expected an integer, 1 to ")
    assert watch.log.count("\n") == 1


def test_into_a_pipe_it_says_beside_it_what_it_waits_for():
    command = [sys.executable, str(SCRIPTS / "captioner_watch")]
    watch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said, _, _ = select.select([watch.stderr], [], [], START_TIMEOUT_S)
    assert said and b"waiting for captions on topics that end in" in watch.stderr.readline()
    watch.send_signal(signal.SIGINT)
    assert watch.communicate(timeout=30)[0] == b""


def test_a_captioner_in_a_namespace_is_found_and_foreign_messages_survived(
    tmp_path, client, monkeypatch
):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    watch = Process("captioner_watch", tmp_path / "watch.log")
    try:
        topic = "/robot/eyes/scene_caption/detail"
        detail = String(data='{"camera": "/robot/c", "caption": "a grün dog"}')
        bad = DiagnosticArray(status=[DiagnosticStatus(level=b"\x09", name="no colon")])

        def heard():
            client.publish("/diagnostics", bad)
            client.publish(topic, String(data="no JSON"))
            client.publish(topic, detail)
            return "/robot/c: a gr\\xfcn dog\n" in watch.log

        assert client.spin_until(heard), watch.log
        assert watch.stop() == 0 and "Traceback" not in watch.log
    finally:
        watch.stop()


@pytest.mark.parametrize("executable", ["captioner_watch", "captioner_node"])
def test_closed_outputs_end_no_node(executable, client):
    """A pipe of the node's own would take their place, and its messages would be signals to it."""
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable]
    process = subprocess.Popen([*shell, str(SCRIPTS / executable)])
    name = executable.removesuffix("_node")
    listeners = client.node.count_subscribers

    def at_work():
        topic = "/scene_caption/detail" if name == "captioner_watch" else RAW
        return name in client.node.get_node_names() and listeners(topic) > (topic != RAW)

    try:
        assert client.spin_until(at_work, 2 * START_TIMEOUT_S)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0


def test_a_full_disk_is_one_line(client):
    watch = subprocess.Popen(
        [
            "sh",
            "-c",
            'exec "$@" >/dev/full',
            "sh",
            sys.executable,
            str(SCRIPTS / "captioner_watch"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    detail = String(data='{"camera": "/c", "caption": "a dog"}')
    publisher = client.node.create_publisher(String, "/scene_caption/detail", 10)

    def ended():
        publisher.publish(detail)
        return watch.poll() is not None

    try:
        assert client.spin_until(ended, 2 * START_TIMEOUT_S)
        assert watch.returncode == 1
        assert watch.stderr.read() == "error: cannot write to the output: No space left on device\n"
    finally:
        watch.kill()


def test_a_reader_that_goes_away_ends_it_in_silence(client):
    watch = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "captioner_watch")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    topic, details = "/scene_caption/detail", map('{{"camera": "/c", "caption": "{}"}}'.format,
                                                  itertools.count())  # fmt: skip
    publisher = client.node.create_publisher(String, topic, 10)

    def sent(condition):
        publisher.publish(String(data=next(details)))
        return condition()

    printed = functools.partial(select.select, [watch.stdout], [], [], 0)
    try:
        assert client.spin_until(lambda: sent(printed)[0], 30.0)
        assert watch.stdout.readline().startswith(b"/c: ")
        watch.stdout.close()
        assert client.spin_until(lambda: sent(lambda: watch.poll() is not None), 30.0)
        assert watch.stderr.read() == b"" and watch.returncode == 0
    finally:
        watch.kill()
