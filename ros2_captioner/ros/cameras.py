"""Subscriptions to image topics whose type is learnt from the graph."""

from __future__ import annotations

import time

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from ros2_captioner.ros.mailbox import Letter, Mailbox
from ros2_captioner.ros.parameters import Settings
from ros2_captioner.ros.statistics import Statistics

_TYPES = {"sensor_msgs/msg/Image": Image, "sensor_msgs/msg/CompressedImage": CompressedImage}


class Camera:
    """One image topic; follows the publisher's type when it appears or changes.

    Args:
        node: makes the subscription.
        topic: as in ``image_topics``; ``/compressed`` at its end means CompressedImage.
        settings: QoS of the subscription.
        mailbox: where frames go.
        statistics: counts them.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        settings: Settings,
        mailbox: Mailbox,
        statistics: Statistics,
    ) -> None:
        self.topic = node.resolve_topic_name(topic)
        self._node = node
        self._mailbox = mailbox
        self._statistics = statistics
        self._qos = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=settings["image_depth"],
            reliability=ReliabilityPolicy[settings["image_reliability"].upper()],
        )
        self._group = MutuallyExclusiveCallbackGroup()
        self._type: type = CompressedImage if topic.endswith("/compressed") else Image
        self._subscription = self._subscribe()

    def follow_type(self) -> None:
        """Subscribe anew if the topic's publishers send the other image type."""
        found = {info.topic_type for info in self._node.get_publishers_info_by_topic(self.topic)}
        wanted = next((_TYPES[name] for name in sorted(found) if name in _TYPES), None)
        if wanted is not None and wanted is not self._type and self._type_name() not in found:
            self._node.get_logger().info(f"{self.topic} carries {wanted.__name__}")
            self._node.destroy_subscription(self._subscription)
            self._type = wanted
            self._subscription = self._subscribe()

    def close(self) -> None:
        """Drop the subscription."""
        self._node.destroy_subscription(self._subscription)

    def _type_name(self) -> str:
        return f"sensor_msgs/msg/{self._type.__name__}"

    def _subscribe(self) -> Subscription:
        return self._node.create_subscription(
            self._type, self.topic, self._receive, self._qos, callback_group=self._group
        )

    def _receive(self, message: object) -> None:
        self._statistics.received(self.topic)
        if self._mailbox.put(Letter(self.topic, message, time.monotonic())):
            self._statistics.dropped(self.topic, "replaced")
