"""Nodes as processes of this one."""

import pytest
import rclpy

from ros2_captioner.ros.process import children


@pytest.mark.parametrize(
    "value", ['/für \u20ac \U0001f4f7 #1: "a"', ["/front", "/rear"], 0.5, True]
)
def test_a_parameter_arrives_as_it_is(monkeypatch, value):
    commands = []
    monkeypatch.setattr(children.subprocess, "Popen", commands.append)
    children.start_node("captioner_image_player", {"source": value})
    context = rclpy.Context()
    rclpy.init(args=commands[0], context=context)
    node = rclpy.create_node(
        "image_player", context=context, automatically_declare_parameters_from_overrides=True
    )
    assert node.get_parameter("source").value == value
    rclpy.shutdown(context=context)
