"""Image and CompressedImage messages to RGB frames; trusts nothing that a message says.

cv_bridge is not used: it is silently wrong for row padding, for a step that is too small and for
broken JPEGs, and it refuses several encodings that cameras send.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError
from ros2_captioner.ros.image_headers import stated_size

MAX_PIXELS = 64_000_000  # 8K UHD is 33 million; a larger header is a broken one

Pixels = NDArray[np.uint8]
AnyPixels = NDArray[Any]


class ImageMessage(Protocol):
    """The fields of sensor_msgs/Image that the conversion reads."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: bytes


class CompressedImageMessage(Protocol):
    """The fields of sensor_msgs/CompressedImage that the conversion reads."""

    format: str
    data: bytes


@dataclass(frozen=True)
class _Encoding:
    """How an encoding lies in memory, and its way to RGB.

    `dtype` and `channels` describe one pixel of ``[height, width, channels]``; planar YUV has
    `rows_per_height` 3/2 rows of bytes.
    """

    dtype: str
    channels: int
    to_rgb: Callable[[AnyPixels], AnyPixels]
    rows_per_height: float = 1.0


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
_ENCODINGS: dict[str, _Encoding] = {
    "rgb8": _Encoding("u1", 3, _same),
    "bgr8": _Encoding("u1", 3, _BGR),
    "8UC3": _Encoding("u1", 3, _BGR),
    "rgba8": _Encoding("u1", 4, _colour(cv2.COLOR_RGBA2RGB)),
    "bgra8": _Encoding("u1", 4, _colour(cv2.COLOR_BGRA2RGB)),
    "8UC4": _Encoding("u1", 4, _colour(cv2.COLOR_BGRA2RGB)),
    "mono8": _Encoding("u1", 1, _GREY),
    "8UC1": _Encoding("u1", 1, _GREY),
    "mono16": _Encoding("u2", 1, _grey_from_16_bit),
    "16UC1": _Encoding("u2", 1, _stretched_depth),
    "32FC1": _Encoding("f4", 1, _stretched_depth),
    # OpenCV names Bayer patterns by the second row's second and third pixel.
    "bayer_rggb8": _Encoding("u1", 1, _colour(cv2.COLOR_BayerBG2RGB)),
    "bayer_bggr8": _Encoding("u1", 1, _colour(cv2.COLOR_BayerRG2RGB)),
    "bayer_gbrg8": _Encoding("u1", 1, _colour(cv2.COLOR_BayerGR2RGB)),
    "bayer_grbg8": _Encoding("u1", 1, _colour(cv2.COLOR_BayerGB2RGB)),
    "yuv422_yuy2": _Encoding("u1", 2, _YUYV),
    "yuyv": _Encoding("u1", 2, _YUYV),
    "yuv422": _Encoding("u1", 2, _UYVY),
    "uyvy": _Encoding("u1", 2, _UYVY),
    "nv12": _Encoding("u1", 1, _colour(cv2.COLOR_YUV2RGB_NV12), 1.5),
    "nv21": _Encoding("u1", 1, _colour(cv2.COLOR_YUV2RGB_NV21), 1.5),
}
ENCODINGS = tuple(sorted(_ENCODINGS))


def image_to_rgb(message: ImageMessage) -> Pixels:
    """Convert a raw image.

    Args:
        message: a sensor_msgs/Image, rows possibly padded, of one of `ENCODINGS`. 16UC1 and
            32FC1 count as depth and are stretched to 8 bits; mono16 keeps its high byte.

    Returns:
        uint8 ``[height, width, 3]`` RGB.

    Raises:
        FrameError: with reason ``unknown_encoding``, ``bad_size``, ``too_large``, ``short_step``,
            ``short_data`` or ``unconvertible``.
    """
    encoding = _ENCODINGS.get(message.encoding) or _ENCODINGS.get(message.encoding.lower())
    if encoding is None:
        raise FrameError(
            "unknown_encoding",
            f"found encoding {message.encoding[:40]!r}; expected one of {', '.join(ENCODINGS)}",
        )
    _check_size(message.width, message.height)
    dtype = np.dtype(encoding.dtype).newbyteorder(">" if message.is_bigendian else "<")
    row_bytes = message.width * encoding.channels * dtype.itemsize
    rows = int(message.height * encoding.rows_per_height)
    if message.step < row_bytes:
        raise FrameError(
            "short_step",
            f"found step {message.step}; expected at least {row_bytes} for {message.width} pixels "
            f"of {message.encoding}",
        )
    data = np.frombuffer(message.data, np.uint8)
    if data.size < message.step * rows:
        raise FrameError(
            "short_data",
            f"found {data.size} bytes; expected {message.step * rows} (step {message.step} x "
            f"{rows} rows)",
        )
    table = data[: message.step * rows].reshape(rows, message.step)[:, :row_bytes]
    pixels = np.ascontiguousarray(table).view(dtype).astype(dtype.newbyteorder("="), copy=False)
    return _to_rgb(encoding, pixels.reshape(rows, message.width, encoding.channels), message)


def _to_rgb(encoding: _Encoding, pixels: AnyPixels, message: ImageMessage) -> Pixels:
    try:
        return np.ascontiguousarray(encoding.to_rgb(pixels), dtype=np.uint8)
    except cv2.error as error:  # e.g. an odd width in a format that pairs pixels
        raise FrameError(
            "unconvertible",
            f"OpenCV refuses a {message.width}x{message.height} {message.encoding} picture; "
            "expected even sides for YUV and at least 2x2 pixels for Bayer encodings",
        ) from error


def compressed_to_rgb(message: CompressedImageMessage) -> Pixels:
    """Convert a JPEG, PNG or other compressed image that OpenCV decodes.

    Returns:
        uint8 ``[height, width, 3]`` RGB.

    Raises:
        FrameError: with reason ``empty``, ``truncated``, ``bad_size``, ``too_large`` or
            ``undecodable``.
    """
    data = np.frombuffer(message.data, np.uint8)
    if data.size == 0:
        raise FrameError("empty", "found a CompressedImage without data; expected a JPEG or PNG")
    _check_jpeg(data)
    stated = stated_size(bytes(data))
    if stated is not None:
        _check_size(*stated)  # before the decoder makes room for it
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        picture = None
    if picture is None:
        raise FrameError(
            "undecodable",
            f"OpenCV cannot decode the {data.size} bytes of format {message.format[:40]!r}; "
            "expected a whole JPEG or PNG",
        )
    _check_size(picture.shape[1], picture.shape[0])
    return np.ascontiguousarray(picture[:, :, ::-1], dtype=np.uint8)


def _check_jpeg(data: Pixels) -> None:
    """Refuse a JPEG without its end marker: OpenCV would fill the missing part with grey."""
    is_jpeg = bytes(data[:2]) == b"\xff\xd8"
    if is_jpeg and b"\xff\xd9" not in bytes(data[-64:]):
        raise FrameError(
            "truncated",
            f"found a JPEG of {data.size} bytes without an end marker; expected a whole one",
        )


def _check_size(width: int, height: int) -> None:
    if width <= 0 or height <= 0:
        raise FrameError(
            "bad_size", f"found a picture of {width}x{height}; expected at least one pixel"
        )
    if width * height > MAX_PIXELS:
        raise FrameError(
            "too_large",
            f"found a picture of {width}x{height}; expected at most {MAX_PIXELS} pixels",
        )
