"""What ``ros2 run`` starts: a signal ends a process cleanly even before its node exists.

All else is imported late: numpy, rclpy and OpenCV take most of the start, and signals must be
handled before.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from ros2_captioner.ros.process.signals import wait_for_signals
from ros2_captioner.standard_streams import escape_output, open_standard_streams


def captioner_node() -> None:
    """Run the captioner until a signal."""
    _begin()
    from ros2_captioner.settings import NodeSettings

    _check("captioner_node", "Caption camera topics.", NodeSettings)
    from ros2_captioner.memory import use_one_heap
    from ros2_captioner.ros.node.node import CaptionerNode
    from ros2_captioner.ros.process.spinning import leave, run_node

    use_one_heap()
    leave(run_node(CaptionerNode, CaptionerNode.autostart))


def captioner_image_player() -> None:
    """Publish images of files or a webcam until a signal."""
    _begin()
    from ros2_captioner.settings import ImagePlayerSettings

    _check(
        "captioner_image_player",
        "Publish a folder of images, a video file or a webcam as a camera does.",
        ImagePlayerSettings,
    )
    from ros2_captioner.ros.players.image_player import ImagePlayer
    from ros2_captioner.ros.process.spinning import leave, run_node

    leave(run_node(ImagePlayer))


def captioner_bag_player() -> None:
    """Publish images of a recording until a signal."""
    _begin()
    from ros2_captioner.settings import BagPlayerSettings

    _check(
        "captioner_bag_player",
        "Publish the image topics of a rosbag2 recording.",
        BagPlayerSettings,
    )
    from ros2_captioner.ros.players.bag_player import BagPlayer
    from ros2_captioner.ros.process.spinning import leave, run_node

    leave(run_node(BagPlayer))


def captioner_watch() -> None:
    """Show cameras and captions in the terminal until a signal."""
    _begin()
    _check("captioner_watch", "Show the captioner's cameras and captions in the terminal.", None)
    from ros2_captioner.ros.graph import see_everybody
    from ros2_captioner.ros.process.spinning import leave, run_node
    from ros2_captioner.ros.watch.node import Watch

    see_everybody()
    leave(run_node(Watch))


def _begin() -> None:
    open_standard_streams()
    escape_output()
    wait_for_signals()


def _check(name: str, description: str, settings: type | None) -> None:
    from ros2_captioner.command_line.node_arguments import check_node_arguments

    check_node_arguments(name, description, settings, sys.argv[1:])
    if find_spec("rclpy") is None:
        sys.exit(
            "error: found no rclpy; source a ROS 2 installation, or type: "
            "pip install 'ros2_captioner[ros]'"
        )
