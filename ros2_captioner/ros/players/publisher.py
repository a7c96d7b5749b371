"""The publisher of a camera."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

from ros2_captioner.errors import OptionsError


def image_publisher(node: Node, kind: type, topic: str) -> Publisher:
    """A reliable publisher of images.

    Raises:
        OptionsError: the topic is no name that ROS takes.
    """
    qos = QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE
    )
    try:
        return node.create_publisher(kind, topic, qos)
    except Exception as error:  # rclpy and rcl each have errors of their own for this
        said = " ".join(str(error).split())
        raise OptionsError(
            f"topic is {topic!r}: {said}; expected a name such as camera/image_raw"
        ) from error
