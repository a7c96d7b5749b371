"""A captioned frame as messages, each made at most once and only when a topic needs it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption, in_percent
from ros2_captioner.drawing.figure import attention_figure
from ros2_captioner.drawing.overlay import draw_caption
from ros2_captioner.ros.messages.images import jpeg_message, raw_message
from ros2_captioner.stream.detail import detail_json
from ros2_captioner.stream.frames import CaptionedFrame


class Rendering:
    """The messages of one captioned frame.

    Args:
        frame: with its caption.
        captioner: names itself in the detail.
        node: full name of the node, for the detail.
    """

    def __init__(self, frame: CaptionedFrame, captioner: Captioner, node: str) -> None:
        self._frame, self._captioner, self._node = frame, captioner, node

    @cached_property
    def sentence(self) -> String:
        """The caption alone."""
        return String(data=self._frame.caption.text)

    @cached_property
    def detail(self) -> String:
        """Everything known about it, as JSON."""
        return String(data=detail_json(self._frame, self._captioner, self._node))

    @cached_property
    def overlay(self) -> Image:
        """The image with its caption."""
        return raw_message(self._overlay, self._frame.received.message.header)

    @cached_property
    def compressed_overlay(self) -> CompressedImage:
        """The same as JPEG."""
        return jpeg_message(self._overlay, self._frame.received.message.header)

    @cached_property
    def _overlay(self) -> NDArray[np.uint8]:
        frame = self._frame
        if frame.settings.publish_attention and frame.caption.words:
            return attention_figure(frame.picture, frame.caption)
        return draw_caption(frame.picture, overlay_text(frame.caption))


def overlay_text(caption: Caption) -> str:
    """The sentence and its confidence, where the model tells one."""
    if not caption.words:
        return "(no caption)"
    if caption.confidence is None:
        return caption.text
    return f"{caption.text} ({in_percent(caption.confidence)})"
