"""Subscriptions to image topics whose type is learnt from the graph."""

from __future__ import annotations

import time
from typing import Any

from rclpy.node import Node, SubscriptionEventCallbacks  # Humble's are in another module
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from ros2_captioner.errors import described
from ros2_captioner.ros.messages.images import IMAGE_CLASSES
from ros2_captioner.ros.node.camera_problems import CameraProblems
from ros2_captioner.ros.node.faults import ThrottledLog
from ros2_captioner.ros.process.qos_overrides import qos_overrides
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.frames import ReceivedImage
from ros2_captioner.stream.mailbox import Mailbox
from ros2_captioner.stream.statistics import Statistics

_PATIENCE_S = 3.0  # cameras may start after the node
_DISCOVERY_S = 8.0  # Fast DDS finds some publishers only after 6


class Camera:
    """One image topic; follows the publisher's type when it appears or changes.

    Args:
        node: makes the subscription.
        topic: resolved name; ``/compressed`` at its end means CompressedImage.
        name: the one that resolves to it, as in ``image_topics``.
        settings: QoS of the subscription.
        mailbox: where frames go.
        statistics: counts them.

    Attributes:
        topic: as given.
        problem: what keeps frames from coming, or many of them, and the remedy; empty if nothing.

    Raises:
        OptionsError: ``qos_overrides`` of the topic make no sense.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        name: str,
        settings: NodeSettings,
        mailbox: Mailbox,
        statistics: Statistics,
    ) -> None:
        self.topic, self._name = topic, name
        self._node, self._log = node, ThrottledLog(node.get_logger())
        self._mailbox = mailbox
        self._statistics = statistics
        self._qos = _profile(settings)
        self._problems = CameraProblems(node, topic, self._qos, statistics)
        self.problem = ""
        self._told, self._since_s = "", time.monotonic()
        self._type: type = CompressedImage if topic.endswith("/compressed") else Image
        self._subscription = self._subscribe()

    def inspect(self) -> None:
        """Follow the publishers' type; say once what keeps frames from coming, and the remedy."""
        publishers = self._node.get_publishers_info_by_topic(self._name)
        self._follow_type({IMAGE_CLASSES.get(each.topic_type) for each in publishers})
        problem, now_s = self._problems.found(self._type, publishers), time.monotonic()
        if problem != self.problem:
            self.problem, self._since_s = problem, now_s
        patience_s = _PATIENCE_S if publishers else _DISCOVERY_S
        if problem != self._told and now_s - self._since_s > patience_s:
            self._told = problem
            if problem:
                self._node.get_logger().warning(problem)
            else:
                self._node.get_logger().info(f"frames of {self.topic} arrive")

    def _follow_type(self, published: set[type | None]) -> None:
        wanted = next((kind for kind in IMAGE_CLASSES.values() if kind in published), None)
        if wanted is not None and self._type not in published:
            self._node.get_logger().info(f"{self.topic} carries {wanted.__name__}")
            self._node.destroy_subscription(self._subscription)
            self._type = wanted
            self._subscription = self._subscribe()

    def close(self) -> None:
        """Drop the subscription."""
        self._node.destroy_subscription(self._subscription)

    def _subscribe(self) -> Subscription:
        with qos_overrides(self._node, self.topic, "subscription") as options:
            return self._node.create_subscription(
                self._type,
                self._name,
                self._receive,
                self._qos,  # afterwards it holds the overrides as well
                event_callbacks=SubscriptionEventCallbacks(message_lost=self._lose),
                qos_overriding_options=options,
            )

    def _receive(self, message: object) -> None:
        try:
            self._statistics.received(self.topic)
            clock_ns = self._node.get_clock().now().nanoseconds
            received = ReceivedImage(self.topic, message, time.monotonic(), clock_ns)
            if self._mailbox.put(received):
                self._statistics.dropped(self.topic, "replaced")
        except Exception as error:  # a frame may be lost, but not the node
            problem = f"{self.topic}: receiving failed: {described(error)}"
            self._statistics.refused(self.topic, "receiving_failed", problem)
            self._log.warning(self.topic, problem)

    def _lose(self, event: Any) -> None:
        self._statistics.lost(self.topic, event.total_count_change)


def _profile(settings: NodeSettings) -> QoSProfile:
    """What ``image_reliability`` and ``image_depth`` ask of a camera."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=settings.image_depth,
        reliability=ReliabilityPolicy[settings.image_reliability.upper()],
    )
