"""What ``ros2 run`` starts: a signal ends a process cleanly even before its node exists.

The nodes are imported late: rclpy and OpenCV take most of the start, and signals must be handled
before.
"""

from __future__ import annotations

import sys

from ros2_captioner.ros.process.signals import wait_for_signals


def captioner_node() -> None:
    """Run the captioner until a signal."""
    wait_for_signals()
    from ros2_captioner.memory import use_one_heap
    from ros2_captioner.ros.node.node import CaptionerNode
    from ros2_captioner.ros.process.spinning import run_node

    use_one_heap()
    sys.exit(run_node(CaptionerNode, CaptionerNode.autostart))


def image_player() -> None:
    """Publish images of files or a webcam until a signal."""
    wait_for_signals()
    from ros2_captioner.ros.players.image_player import ImagePlayer
    from ros2_captioner.ros.process.spinning import run_node

    sys.exit(run_node(ImagePlayer))


def bag_player() -> None:
    """Publish images of a recording until a signal."""
    wait_for_signals()
    from ros2_captioner.ros.players.bag_player import BagPlayer
    from ros2_captioner.ros.process.spinning import run_node

    sys.exit(run_node(BagPlayer))


def watch() -> None:
    """Show cameras and captions in the terminal until a signal."""
    wait_for_signals()
    from ros2_captioner.ros.process.spinning import run_node
    from ros2_captioner.ros.watch import Watch

    sys.exit(run_node(Watch))
