"""Entry points of the nodes: a signal ends a process cleanly even before its node exists."""

from __future__ import annotations

import importlib
import os
import signal
from types import FrameType


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
    """Importing rclpy and OpenCV takes most of the start; `run_node` takes over after it."""
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    importlib.import_module(f"ros2_captioner.ros.{module}").main()


def _leave(number: int, frame: FrameType | None) -> None:
    """Nothing has begun, so nothing needs to be cleaned up."""
    del number, frame
    os._exit(0)
