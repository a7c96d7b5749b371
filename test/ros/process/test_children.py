"""Nodes as processes of this one."""

import os
import signal

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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_node_is_started_leaves_none_behind(number, monkeypatch):
    started, before = [], signal.signal(number, signal.default_int_handler)
    monkeypatch.setattr(
        children.subprocess, "Popen", lambda command: os.kill(os.getpid(), number) or command
    )
    try:
        with pytest.raises(KeyboardInterrupt):
            children.start_node("captioner_node", {}, started)
    finally:
        signal.signal(number, before)
    assert len(started) == 1
