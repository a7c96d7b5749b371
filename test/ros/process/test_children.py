"""Nodes as processes of this one."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import rclpy

from ros2_captioner.ros.process import children


@pytest.mark.parametrize(
    "value", ['/für \u20ac \U0001f4f7 #1: "a"', ["/front", "/rear"], 0.5, True]
)
def test_a_parameter_arrives_as_it_is(monkeypatch, value):
    commands = []
    monkeypatch.setattr(children.subprocess, "Popen", commands.append)
    children.start_node("captioner_image_player", {"source": value}, [])
    context = rclpy.Context()
    rclpy.init(args=commands[0], context=context)
    node = rclpy.create_node(
        "image_player", context=context, automatically_declare_parameters_from_overrides=True
    )
    assert node.get_parameter("source").value == value
    rclpy.shutdown(context=context)


@pytest.mark.parametrize(
    ("distribution", "variable", "value"),
    [
        ("humble", "ROS_LOCALHOST_ONLY", "1"),
        ("jazzy", "ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"),
        ("kilted", "ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"),
    ],
)
def test_each_distribution_is_kept_on_this_machine_in_its_own_way(
    distribution, variable, value, monkeypatch
):
    monkeypatch.setattr("os.environ", {"ROS_DISTRO": distribution})
    children.stay_on_this_machine()
    assert os.environ == {"ROS_DISTRO": distribution, variable: value}
    os.environ[variable] = "the user's"
    children.stay_on_this_machine()
    assert os.environ[variable] == "the user's"


@pytest.fixture
def another_thread():
    """One that takes the signals which the main thread holds off, as those of DDS do."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.mark.usefixtures("another_thread")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_node_is_started_leaves_none_behind(number, monkeypatch):
    def interrupted(command):
        os.kill(os.getpid(), number)
        while number in signal.sigpending():  # until the other thread has taken it
            time.sleep(0)
        return command

    started, before = [], signal.signal(number, signal.default_int_handler)
    monkeypatch.setattr(children.subprocess, "Popen", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            children.start_node("captioner_node", {}, started)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert len(started) == 1


def test_a_child_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(children, "_STOP_TIMEOUT_S", 0.1)
    program = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    child.stdout.readline()  # from now on it is deaf to SIGTERM
    children.stop_nodes([child])
    assert child.wait(10) == -signal.SIGKILL
    child.stdout.close()
