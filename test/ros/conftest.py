"""Fixtures shared by the tests of what imports rclpy."""

import pytest
import rclpy
from ros_harness import ros_arguments


@pytest.fixture
def node_with_file():
    """Makes a node that was started with a parameter file."""
    contexts = []

    def make(*files):
        context = rclpy.Context()
        rclpy.init(args=ros_arguments(*files), context=context)
        contexts.append(context)
        return rclpy.create_node("captioner", context=context)

    yield make
    for context in contexts:
        rclpy.shutdown(context=context)
