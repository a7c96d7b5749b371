"""A frame on its way: as it was received, and with its caption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.captions import Caption, Timing
from ros2_captioner.settings import NodeSettings


@dataclass(frozen=True)
class ReceivedImage:
    """A message not yet converted, so that frames never captioned cost nothing.

    Attributes:
        camera: topic name.
        message: Image or CompressedImage as received.
        received_s: monotonic time of arrival.
        clock_ns: the node's clock at arrival, which may be simulated, nanoseconds.
    """

    camera: str
    message: Any
    received_s: float
    clock_ns: int = 0


@dataclass(frozen=True)
class CaptionedFrame:
    """A caption with what it belongs to.

    Attributes:
        received: the camera and its message.
        picture: uint8 ``[height, width, 3]`` RGB, the message converted.
        caption: of the picture.
        timing: of the batch that the frame was in.
        settings: in force for it.
        frame_age_s: stamp to the end of inference on the node's clock.
    """

    received: ReceivedImage
    picture: NDArray[np.uint8]
    caption: Caption
    timing: Timing
    settings: NodeSettings
    frame_age_s: float

    @property
    def unsure(self) -> bool:
        """Whether the caption is less confident than the settings ask of a published one."""
        confidence = self.caption.confidence
        return confidence is not None and confidence < self.settings.min_confidence
