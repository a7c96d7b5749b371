"""The publisher of a camera."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

from ros2_captioner.errors import OptionsError
from ros2_captioner.ros.process.qos_overrides import qos_overrides


def image_publisher(node: Node, kind: type, topic: str) -> Publisher:
    """A publisher of images, reliable unless ``qos_overrides`` say otherwise.

    Raises:
        OptionsError: the topic is no name that ROS takes, or its overrides make no sense.
    """
    qos = QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE
    )
    try:
        resolved = node.resolve_topic_name(topic)
        with qos_overrides(node, resolved, "publisher") as options:
            return node.create_publisher(kind, topic, qos, qos_overriding_options=options)
    except OptionsError:
        raise
    except Exception as error:  # rclpy and rcl each have errors of their own for this
        said = " ".join(str(error).split())
        raise OptionsError(
            f"topic is {topic!r}: {said}; expected a name such as camera/image_raw"
        ) from error
