"""The node's caption topics: sentences, detail and overlay."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption
from ros2_captioner.figure import attention_figure
from ros2_captioner.overlay import draw_caption
from ros2_captioner.ros.messages.images import jpeg_message, raw_message
from ros2_captioner.ros.node.qos import overriding_options
from ros2_captioner.stream.detail import detail_json
from ros2_captioner.stream.frames import CaptionedFrame, camera_namespace


class Outputs:
    """Publishers that live from configure to cleanup.

    Args:
        node: makes the publishers.
        cameras: resolved image topics; with several, each has a caption topic of its own.
        captioner: names itself in the detail.

    Attributes:
        cameras: as given.
    """

    def __init__(self, node: LifecycleNode, cameras: Sequence[str], captioner: Captioner) -> None:
        self.cameras = cameras
        self._node, self._captioner = node, captioner
        self._publishers: list[LifecyclePublisher] = []
        common = self._make(String, "scene_caption")
        self._sentences = {camera: [common] for camera in cameras}
        if len(self._sentences) > 1:
            for camera, several in self._sentences.items():
                several.append(self._make(String, f"{camera_namespace(camera)}/scene_caption"))
        self._detail = self._make(String, "scene_caption/detail")
        self._overlay = self._make(Image, "~/overlay")
        self._compressed_overlay = self._make(CompressedImage, "~/overlay/compressed")

    def listened(self) -> bool:
        """Whether anybody subscribes to any of the topics."""
        return any(publisher.get_subscription_count() for publisher in self._publishers)

    def publish(self, frame: CaptionedFrame) -> None:
        """Publish one caption everywhere; an overlay is drawn only for those who look."""
        for publisher in self._sentences[frame.received.camera]:
            publisher.publish(String(data=frame.caption.text))
        self._detail.publish(String(data=detail_json(frame, self._captioner)))
        if not frame.settings.publish_overlay:
            return
        header = frame.received.message.header
        raw, compressed = self._overlay, self._compressed_overlay
        if not raw.get_subscription_count() and not compressed.get_subscription_count():
            return
        picture = _overlay(frame.picture, frame.caption, frame.settings.publish_attention)
        if raw.get_subscription_count():
            raw.publish(raw_message(picture, header))
        if compressed.get_subscription_count():
            compressed.publish(jpeg_message(picture, header))

    def close(self) -> None:
        """Destroy the publishers."""
        while self._publishers:
            self._node.destroy_lifecycle_publisher(self._publishers.pop())

    def _make(self, kind: type, topic: str) -> LifecyclePublisher:
        options = overriding_options(self._node, self._node.resolve_topic_name(topic), "publisher")
        publisher = self._node.create_lifecycle_publisher(
            kind, topic, 10, qos_overriding_options=options
        )
        self._publishers.append(publisher)
        return publisher


def _overlay(picture: NDArray[np.uint8], caption: Caption, attention: bool) -> NDArray[np.uint8]:
    """The captioned picture, or with attention the figure that shows it word by word."""
    if attention:
        return attention_figure(picture, caption)
    sure = math.exp(sum(caption.log_probs) / max(1, len(caption.log_probs)))
    return draw_caption(picture, f"{caption.text} ({sure:.0%})")
