"""Why the frames of a camera do not come, or many of them do not, and what to type."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rclpy.node import Node, TopicEndpointInfo  # whose own module has another name in Lyrical
from rclpy.qos import (
    DurabilityPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from sensor_msgs.msg import Image

from ros2_captioner.command_line.installing import share_file
from ros2_captioner.ros.messages.images import IMAGE_CLASSES
from ros2_captioner.stream.statistics import Statistics

_SILENT_AFTER_S = 3.0
_PROFILE = f"{share_file('config/fastdds_large_images.xml')} (its head says how)"
_OVERLAY = re.compile(r"/overlay(/compressed)?$")  # of captioners, which are no cameras


class CameraProblems:
    """Looks for what is wrong with one image topic.

    Args:
        node: sees the graph.
        topic: resolved name.
        qos: of the subscription.
        statistics: tell what comes of all cameras.
    """

    def __init__(self, node: Node, topic: str, qos: QoSProfile, statistics: Statistics) -> None:
        self._node, self._topic, self._qos, self._statistics = node, topic, qos, statistics

    def found(self, kind: type, publishers: Sequence[TopicEndpointInfo]) -> str:
        """The problem and its remedy; empty if there is none.

        Args:
            kind: message class of the subscription.
            publishers: of the topic.
        """
        if not publishers:
            return f"nothing publishes {self._topic}; {self._other_images()}"
        matching = [each for each in publishers if IMAGE_CLASSES.get(each.topic_type) is kind]
        if not matching:
            types = sorted({each.topic_type for each in publishers})
            return f"{self._topic} carries {types}; expected one of {sorted(IMAGE_CLASSES)}"
        return self._mismatch(matching) or self._loss(kind) or self._silence(kind, matching)

    def _other_images(self) -> str:
        found = [
            name
            for name, types in self._node.get_topic_names_and_types()
            if name not in self._statistics.cameras
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

    def _mismatch(self, publishers: Sequence[TopicEndpointInfo]) -> str:
        """Why DDS matches no publisher with the subscription."""
        refusals = [self._refusal(each) for each in publishers]
        if not all(refusals):
            return ""
        published, remedy = publishers[0].qos_profile.reliability, "fix qos_overrides"
        if self._qos.reliability == ReliabilityPolicy.RELIABLE != published:
            remedy = f"set image_reliability to best_effort, or {remedy}"
        return (
            f"{self._topic} is published with a QoS that the subscription does not take, so no "
            f"frame comes: {refusals[0]}; {remedy}"
        )

    def _refusal(self, publisher: TopicEndpointInfo) -> str:
        compatibility, reason = qos_check_compatible(publisher.qos_profile, self._qos)
        reason = reason.replace("ERROR: ", "").removesuffix(";")
        return reason if compatibility == QoSCompatibility.ERROR else ""

    def _loss(self, kind: type) -> str:
        """What loses many of the frames."""
        if not self._statistics.loses_many(self._topic):
            return ""
        remedy = f"start it with {_PROFILE}"
        if kind is Image:
            remedy = f"publish JPEG, or {remedy}"
        return (
            f"many frames of {self._topic} are lost on the way, as where the network is slow, the "
            "processor busy, or a process publishes more at once than the 512 KB for which Fast "
            f"DDS has room by default: {remedy}"
        )

    def _silence(self, kind: type, publishers: Sequence[TopicEndpointInfo]) -> str:
        """Why a camera whose publisher is matched sends nothing."""
        silence = self._statistics.silence(self._topic)
        if not silence.outlasts(_SILENT_AFTER_S):
            return ""
        said = f"{self._topic} has a publisher, but no frame"
        if silence.ever_heard:  # it may also be slower than was known, or larger than before
            large = ", or are its frames above 512 KB now, which Fast DDS's defaults lose"
            return (
                f"{said} has come for a while; is the camera well{large if kind is Image else ''}?"
            )
        if any(map(self._keeps_what_is_not_asked_for, publishers)):
            asked = f"-p qos_overrides.{self._topic}.subscription"
            return (
                f"{said} has come since the node listens. It keeps its last ones for those who "
                f"ask: start the node with {asked}.durability:=transient_local "
                f"{asked}.reliability:=reliable"
            )
        if kind is Image:
            return (
                f"{said} comes. Raw frames above 512 KB are lost by Fast DDS's defaults: publish "
                f"JPEG, or start the publisher with {_PROFILE}"
            )
        return f"{said} has come from it yet"

    def _keeps_what_is_not_asked_for(self, publisher: TopicEndpointInfo) -> bool:
        kept = DurabilityPolicy.TRANSIENT_LOCAL
        return publisher.qos_profile.durability == kept != self._qos.durability
