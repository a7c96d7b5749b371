"""An image of any size to the encoder's input; training and run time share this definition."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError

RESIZE_RULE = "squash"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def preprocess(frame: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Squash an RGB frame to ``size`` x ``size`` pixels; the aspect ratio is not kept.

    The model is trained on squashed images, so the whole field of view stays visible to it.
    Normalisation happens inside the encoder graph.

    Args:
        frame: uint8 ``[height, width, 3]``, RGB.
        size: side of the encoder's input in pixels.

    Returns:
        uint8 ``[size, size, 3]``, C-contiguous.

    Raises:
        FrameError: the array is not a uint8 RGB image of two pixels or more.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.size <= 3:
        raise FrameError(
            "bad_frame",
            f"found a frame of shape {frame.shape} and dtype {frame.dtype}; "
            "expected a uint8 array [height, width, 3] in RGB order, of two pixels or more",
        )
    height, width = frame.shape[:2]
    if (height, width) == (size, size):
        return np.ascontiguousarray(frame)
    # Area averaging avoids aliasing when shrinking; enlarging, it would copy the nearest pixel.
    shrinking = height >= size and width >= size
    interpolation = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    resized = cv2.resize(frame, (size, size), interpolation=interpolation)
    return np.ascontiguousarray(resized, dtype=np.uint8)


def preprocess_batch(frames: Sequence[NDArray[np.uint8]], size: int) -> NDArray[np.uint8]:
    """Stack preprocessed frames to uint8 ``[B, size, size, 3]``; errors as of `preprocess`."""
    return np.stack([preprocess(frame, size) for frame in frames])
