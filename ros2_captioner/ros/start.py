"""Entry points of the nodes: a signal ends a process cleanly even before its node exists."""

from __future__ import annotations

import importlib

from ros2_captioner.ros.signals import wait_for_signals


def captioner_node() -> None:
    """``ros2 run ros2_captioner captioner_node``."""
    _start("node")


def image_player() -> None:
    """``ros2 run ros2_captioner image_player``."""
    _start("image_player")


def bag_player() -> None:
    """``ros2 run ros2_captioner bag_player``."""
    _start("bag_player")


def watch() -> None:
    """``ros2 run ros2_captioner watch``."""
    _start("watch")


def _start(module: str) -> None:
    wait_for_signals()
    # Imports rclpy and OpenCV, which takes most of the start.
    importlib.import_module(f"ros2_captioner.ros.{module}").main()
