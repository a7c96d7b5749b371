"""Subscriptions to image topics whose type is learnt from the graph."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node, SubscriptionEventCallbacks  # Humble's are in another module
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CompressedImage, Image

from ros2_captioner.errors import described
from ros2_captioner.ros.messages.images import IMAGE_CLASSES
from ros2_captioner.ros.node.faults import ThrottledLog
from ros2_captioner.ros.node.names import resolved_topics
from ros2_captioner.ros.process.qos_overrides import qos_overrides
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.frames import ReceivedImage
from ros2_captioner.stream.mailbox import Mailbox
from ros2_captioner.stream.statistics import Statistics

_PATIENCE_S = 3.0  # cameras may start after the node
_DISCOVERY_S = 8.0  # Fast DDS finds some publishers only after 6
_MISSED_FRAMES = 3  # of a slow camera, after which it has stopped
_PROFILE = "config/fastdds_large_images.xml (its head says how)"
_OVERLAY = re.compile(r"/overlay(/compressed)?$")  # of captioners, which are no cameras


class Camera:
    """One image topic; follows the publisher's type when it appears or changes.

    Args:
        node: makes the subscription.
        topic: resolved name; ``/compressed`` at its end means CompressedImage.
        name: the one that resolves to it, as in ``image_topics``.
        settings: QoS of the subscription, and the other cameras.
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
        self._qos, self._settings = _profile(settings), settings
        self.problem = ""
        self._told, self._since_s = "", time.monotonic()
        self._group = MutuallyExclusiveCallbackGroup()
        self._type: type = CompressedImage if topic.endswith("/compressed") else Image
        self._subscription = self._subscribe()

    def inspect(self) -> None:
        """Follow the publishers' type; say once what keeps frames from coming, and the remedy."""
        publishers = self._node.get_publishers_info_by_topic(self._name)
        self._follow_type({publisher.topic_type for publisher in publishers})
        problem = self._find_problem(publishers)
        now_s = time.monotonic()
        if problem != self.problem:
            self.problem, self._since_s = problem, now_s
        patience_s = _PATIENCE_S if publishers else _DISCOVERY_S
        if problem != self._told and now_s - self._since_s > patience_s:
            self._told = problem
            if problem:
                self._node.get_logger().warning(problem)
            else:
                self._node.get_logger().info(f"frames of {self.topic} arrive")

    def _follow_type(self, found: set[str]) -> None:
        wanted = next(
            (IMAGE_CLASSES[kind] for kind in sorted(found) if kind in IMAGE_CLASSES), None
        )
        if wanted is not None and wanted is not self._type and self._type_name() not in found:
            self._node.get_logger().info(f"{self.topic} carries {wanted.__name__}")
            self._node.destroy_subscription(self._subscription)
            self._type = wanted
            self._subscription = self._subscribe()

    def _find_problem(self, publishers: Sequence[TopicEndpointInfo]) -> str:
        if not publishers:
            return f"nothing publishes {self.topic}; {self._published_images()}"
        types = sorted({publisher.topic_type for publisher in publishers})
        kind = self._type_name()
        if kind not in types:
            return f"{self.topic} carries {types}; expected one of {sorted(IMAGE_CLASSES)}"
        matching = [each for each in publishers if each.topic_type == kind]
        refusals = [self._refusal(each) for each in matching]
        if all(refusals):
            return (
                f"{self.topic} is published with a QoS that the subscription does not take, so no "
                f"frame comes: {refusals[0]}; {self._qos_remedy(matching[0])}"
            )
        silence, loss = self._statistics.silence(self.topic), self._loss()
        if loss or silence.seconds <= max(_PATIENCE_S, _MISSED_FRAMES * silence.usual_gap_s):
            return loss
        if silence.ever_heard:  # it may also be slower than was known, or larger than before
            said = f"{self.topic} has a publisher, but no frame has come for a while"
            large = ", or are its frames above 512 KB now, which Fast DDS's defaults lose"
            return f"{said}; is the camera well{large if self._type is Image else ''}?"
        if any(map(self._keeps_what_is_not_asked_for, matching)):
            asked = f"-p qos_overrides.{self.topic}.subscription"
            return (
                f"{self.topic} has a publisher, but no frame has come since the node listens. It "
                "keeps its last ones for those who ask: start the node with "
                f"{asked}.durability:=transient_local {asked}.reliability:=reliable"
            )
        if self._type is Image:
            return (
                f"{self.topic} has a publisher, but no frame comes. Raw frames above 512 KB are "
                f"lost by Fast DDS's defaults: publish JPEG, or start the publisher with {_PROFILE}"
            )
        return f"{self.topic} has a publisher, but no frame has come from it yet"

    def _keeps_what_is_not_asked_for(self, publisher: TopicEndpointInfo) -> bool:
        kept = DurabilityPolicy.TRANSIENT_LOCAL
        return publisher.qos_profile.durability == kept != self._qos.durability

    def _loss(self) -> str:
        """What loses many of the frames; empty if most arrive."""
        if not self._statistics.loses_many(self.topic):
            return ""
        remedy = f"start it with {_PROFILE}"
        if self._type is Image:
            remedy = f"publish JPEG, or {remedy}"
        return (
            f"many frames of {self.topic} are lost on the way, as where the network is slow, or a "
            "process publishes more at once than the 512 KB for which Fast DDS has room by "
            f"default: {remedy}"
        )

    def _refusal(self, publisher: TopicEndpointInfo) -> str:
        """Why DDS does not match a publisher with the subscription; empty if it does."""
        compatibility, reason = qos_check_compatible(publisher.qos_profile, self._qos)
        reason = reason.replace("ERROR: ", "").removesuffix(";")
        return reason if compatibility == QoSCompatibility.ERROR else ""

    def _qos_remedy(self, publisher: TopicEndpointInfo) -> str:
        published = publisher.qos_profile.reliability
        if self._qos.reliability == ReliabilityPolicy.RELIABLE != published:
            return "set image_reliability to best_effort, or fix qos_overrides"
        return "fix qos_overrides"

    def _published_images(self) -> str:
        cameras = resolved_topics(self._node, self._settings.image_topics)
        found = [
            name
            for name, types in self._node.get_topic_names_and_types()
            if name not in cameras
            and set(types) & set(IMAGE_CLASSES)
            and not _OVERLAY.search(name)
            and self._is_published_by_others(name)
        ]
        if not found:
            return "no other image topic is seen; start the camera"
        return f"set image_topics to some of {found}"

    def _is_published_by_others(self, topic: str) -> bool:
        """Whether a topic has a publisher that is none of this node's, as of a remapped overlay."""
        own = self._node.get_fully_qualified_name()
        publishers = self._node.get_publishers_info_by_topic(topic)
        return any(f"{by.node_namespace.rstrip('/')}/{by.node_name}" != own for by in publishers)

    def close(self) -> None:
        """Drop the subscription."""
        self._node.destroy_subscription(self._subscription)

    def _type_name(self) -> str:
        return f"sensor_msgs/msg/{self._type.__name__}"

    def _subscribe(self) -> Subscription:
        with qos_overrides(self._node, self.topic, "subscription") as options:
            return self._node.create_subscription(
                self._type,
                self._name,
                self._receive,
                self._qos,  # afterwards it holds the overrides as well
                callback_group=self._group,
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
