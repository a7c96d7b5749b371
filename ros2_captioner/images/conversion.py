"""Image and CompressedImage messages to RGB frames; trusts nothing that a message says.

cv_bridge is not used: it is silently wrong for row padding, for a step that is too small and for
broken JPEGs, and it refuses several encodings that cameras send.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import Any, Protocol

import cv2
import numpy as np

from ros2_captioner.errors import FrameError
from ros2_captioner.images.decoding import Pixels, check_size, decode
from ros2_captioner.images.encodings import (
    AnyPixels,
    Encoding,
    encoding_named,
    rgb_of_decoded,
    rgb_of_inverse_depth,
)
from ros2_captioner.images.formats import png

MAX_PIXELS = 64_000_000  # 8K UHD is 33 million; a larger header is a broken one
# What compressed_depth_image_transport writes before the PNG: a kind, and how 32FC1 became 16 bits.
_DEPTH_HEAD = struct.Struct("<4xff")


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


def message_to_rgb(message: Any) -> Pixels:
    """Convert an image message of either type.

    Args:
        message: a sensor_msgs/Image, which alone has an encoding, or a CompressedImage; of ROS or
            of rosbags.

    Returns:
        uint8 ``[height, width, 3]`` RGB.

    Raises:
        FrameError: as of `image_to_rgb` and `compressed_to_rgb`.
    """
    return image_to_rgb(message) if hasattr(message, "encoding") else compressed_to_rgb(message)


def image_to_rgb(message: ImageMessage) -> Pixels:
    """Convert a raw image.

    Args:
        message: a sensor_msgs/Image, rows possibly padded, of one of
            `ros2_captioner.images.encodings.ENCODINGS`. 16UC1 and 32FC1 count as depth and are
            stretched to 8 bits, and so is mono16 of a narrow range.

    Returns:
        uint8 ``[height, width, 3]`` RGB.

    Raises:
        FrameError: with reason ``unknown_encoding``, ``bad_size``, ``too_large``, ``short_step``,
            ``short_data``, ``no_depth`` or ``unconvertible``.
    """
    encoding = encoding_named(message.encoding)
    check_size(message.width, message.height, MAX_PIXELS)
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


def _to_rgb(encoding: Encoding, pixels: AnyPixels, message: ImageMessage) -> Pixels:
    refusal = FrameError(
        "unconvertible",
        f"a {message.width}x{message.height} {message.encoding} image cannot be converted; "
        "expected even sides for YUV and at least 2x2 pixels for Bayer encodings",
    )
    if encoding.paired and message.width % 2:  # OpenCV 4.6 would convert all but its last column
        raise refusal
    try:
        return np.ascontiguousarray(encoding.to_rgb(pixels), dtype=np.uint8)
    except cv2.error as error:
        raise refusal from error


def compressed_to_rgb(message: CompressedImageMessage) -> Pixels:
    """Convert a compressed image.

    Args:
        message: a sensor_msgs/CompressedImage. Its format may name, before a semicolon, the
            camera's encoding, as compressed_image_transport writes it: depth (16UC1) is stretched,
            a Bayer mosaic gets its colours.

    Returns:
        uint8 ``[height, width, 3]`` RGB.

    Raises:
        FrameError: see `ros2_captioner.images.decoding.decode`; ``unknown_encoding`` for depth in
            another packing than PNG.
    """
    encoding, _, packing = message.format.partition(";")
    data, what, name = bytes(message.data), f"format {message.format[:40]!r}", encoding.strip()
    if "compresseddepth" not in packing.lower():
        # compressed_image_transport makes a mosaic grey for JPEG, and says so. Into a TIFF it puts
        # RGB as if it were BGR, of which it says nothing.
        single = "mono8" if "mono8" in packing else name
        swapped = "tiff" in packing and name.startswith("rgb")
        as_rgb = partial(rgb_of_decoded, name=single, swapped=swapped)
        return decode(data, what, MAX_PIXELS, as_rgb)
    head, picture = data[: _DEPTH_HEAD.size], data[_DEPTH_HEAD.size :]
    if not png.begins(picture):
        raise FrameError(
            "unknown_encoding",
            f"found {what}; expected a picture, or depth as PNG. Name the camera's colour topic, "
            "or set the publisher's compressedDepth.format to png",
        )
    if name != "32FC1":
        return decode(picture, what, MAX_PIXELS, partial(rgb_of_decoded, name="16UC1"))
    scale, offset = _DEPTH_HEAD.unpack(head)
    inverse = partial(rgb_of_inverse_depth, scale=scale, offset=offset)
    return decode(picture, what, MAX_PIXELS, inverse)
