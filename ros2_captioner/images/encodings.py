"""The encodings of sensor_msgs/Image: how each lies in memory, and its way to RGB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError

AnyPixels = NDArray[Any]


@dataclass(frozen=True)
class Encoding:
    """How an encoding lies in memory, and its way to RGB.

    `dtype` and `channels` describe one pixel of ``[height, width, channels]``; planar YUV has
    `rows_per_height` 3/2 rows of bytes. With `paired` two neighbours in a row share their colour.
    """

    dtype: str
    channels: int
    to_rgb: Callable[[AnyPixels], AnyPixels]
    rows_per_height: float = 1.0
    paired: bool = False


def _colour(code: int) -> Callable[[AnyPixels], AnyPixels]:
    return lambda pixels: cv2.cvtColor(pixels, code)


def _same(pixels: AnyPixels) -> AnyPixels:
    return pixels


def _grey_from_16_bit(pixels: AnyPixels) -> AnyPixels:
    return cv2.cvtColor((pixels >> 8).astype(np.uint8), cv2.COLOR_GRAY2RGB)


def _stretched_depth(pixels: AnyPixels) -> AnyPixels:
    """Depth as grey, near to far over the values present; zero and non-finite mean no reading."""
    depth = pixels.astype(np.float32).reshape(pixels.shape[:2])
    valid = np.isfinite(depth) & (depth > 0)
    grey = np.zeros(depth.shape, np.uint8)
    if valid.any():
        low, high = float(depth[valid].min()), float(depth[valid].max())
        scale = 255.0 / (high - low) if high > low else 0.0
        grey[valid] = np.clip((depth[valid] - low) * scale, 0, 255).astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


_BGR, _GREY = _colour(cv2.COLOR_BGR2RGB), _colour(cv2.COLOR_GRAY2RGB)
_YUYV, _UYVY = _colour(cv2.COLOR_YUV2RGB_YUYV), _colour(cv2.COLOR_YUV2RGB_UYVY)
_BY_NAME: dict[str, Encoding] = {
    "rgb8": Encoding("u1", 3, _same),
    "bgr8": Encoding("u1", 3, _BGR),
    "8UC3": Encoding("u1", 3, _BGR),
    "rgba8": Encoding("u1", 4, _colour(cv2.COLOR_RGBA2RGB)),
    "bgra8": Encoding("u1", 4, _colour(cv2.COLOR_BGRA2RGB)),
    "8UC4": Encoding("u1", 4, _colour(cv2.COLOR_BGRA2RGB)),
    "mono8": Encoding("u1", 1, _GREY),
    "8UC1": Encoding("u1", 1, _GREY),
    "mono16": Encoding("u2", 1, _grey_from_16_bit),
    "16UC1": Encoding("u2", 1, _stretched_depth),
    "32FC1": Encoding("f4", 1, _stretched_depth),
    # OpenCV names Bayer patterns by the second row's second and third pixel.
    "bayer_rggb8": Encoding("u1", 1, _colour(cv2.COLOR_BayerBG2RGB)),
    "bayer_bggr8": Encoding("u1", 1, _colour(cv2.COLOR_BayerRG2RGB)),
    "bayer_gbrg8": Encoding("u1", 1, _colour(cv2.COLOR_BayerGR2RGB)),
    "bayer_grbg8": Encoding("u1", 1, _colour(cv2.COLOR_BayerGB2RGB)),
    "yuv422_yuy2": Encoding("u1", 2, _YUYV, paired=True),
    "yuyv": Encoding("u1", 2, _YUYV, paired=True),
    "yuv422": Encoding("u1", 2, _UYVY, paired=True),
    "uyvy": Encoding("u1", 2, _UYVY, paired=True),
    "nv12": Encoding("u1", 1, _colour(cv2.COLOR_YUV2RGB_NV12), 1.5, paired=True),
    "nv21": Encoding("u1", 1, _colour(cv2.COLOR_YUV2RGB_NV21), 1.5, paired=True),
}
ENCODINGS = tuple(sorted(_BY_NAME))


def encoding_named(name: str) -> Encoding:
    """The encoding of a message's ``encoding`` field.

    Raises:
        FrameError: with reason ``unknown_encoding``.
    """
    found = _BY_NAME.get(name) or _BY_NAME.get(name.lower())
    if found is None:
        raise FrameError(
            "unknown_encoding",
            f"found encoding {name[:40]!r}; expected one of {', '.join(ENCODINGS)}",
        )
    return found
