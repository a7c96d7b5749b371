"""Compressed bytes to RGB, from a message or from a file alike."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError
from ros2_captioner.images.headers import jpeg_is_cut, stated_size

Pixels = NDArray[np.uint8]


def decode(data: bytes, what: str, max_pixels: int, *, rotate: bool = False) -> Pixels:
    """Decode a JPEG, PNG or another format that OpenCV knows.

    Args:
        data: the whole file or message.
        what: names the data in error messages.
        max_pixels: larger images are refused, before they are decoded where the header tells.
        rotate: follow the EXIF orientation.

    Returns:
        uint8 ``[height, width, 3]`` RGB.

    Raises:
        FrameError: with reason ``empty``, ``truncated``, ``bad_size``, ``too_large`` or
            ``undecodable``.
    """
    if not data:
        raise FrameError("empty", f"found no data in {what}; expected a JPEG or PNG")
    if jpeg_is_cut(data):  # OpenCV would fill the missing part with grey
        raise FrameError(
            "truncated",
            f"found a JPEG of {len(data)} bytes without an end marker; expected a whole one",
        )
    stated = stated_size(data)
    if stated is not None:
        check_size(*stated, max_pixels)
    flags = cv2.IMREAD_COLOR if rotate else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise FrameError(
            "undecodable",
            f"OpenCV cannot decode the {len(data)} bytes of {what}; expected a whole JPEG or PNG",
        )
    check_size(image.shape[1], image.shape[0], max_pixels)
    return np.ascontiguousarray(image[:, :, ::-1], dtype=np.uint8)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse an image with too few pixels, or with too many.

    OpenCV before 4.6 fails on a single pixel.

    Raises:
        FrameError: with reason ``bad_size`` or ``too_large``.
    """
    if width <= 0 or height <= 0 or width * height == 1:
        raise FrameError(
            "bad_size", f"found an image of {width}x{height}; expected at least two pixels"
        )
    if width * height > max_pixels:
        raise FrameError(
            "too_large",
            f"found an image of {width}x{height}; expected at most {max_pixels} pixels",
        )
