"""Compressed bytes to RGB, from a message or from a file alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError
from ros2_captioner.images.encodings import rgb_of_decoded
from ros2_captioner.images.formats import FORMATS, format_of, other_format

Pixels = NDArray[np.uint8]
# EXIF orientation: whether rows and columns are exchanged, then which of them are reversed.
_TURNS = {
    2: (False, (1,)), 3: (False, (0, 1)), 4: (False, (0,)), 5: (True, ()), 6: (True, (1,)),
    7: (True, (0, 1)), 8: (True, (0,)),
}  # fmt: skip


def decode(
    data: bytes,
    what: str,
    max_pixels: int,
    as_rgb: Callable[[NDArray[Any]], Pixels] = rgb_of_decoded,
    *,
    rotate: bool = False,
) -> Pixels:
    """Decode an image of one of `ros2_captioner.images.formats.FORMATS`.

    Args:
        data: the whole file or message; what follows the end of a JPEG is left alone.
        what: names the data in error messages.
        max_pixels: larger images are refused before they are decoded.
        as_rgb: makes RGB of what is decoded, where a message tells more of it than its channels.
        rotate: follow the EXIF orientation.

    Returns:
        uint8 ``[height, width, 3]`` RGB; what is transparent lies on white.

    Raises:
        FrameError: with reason ``empty``, ``truncated``, ``bad_size``, ``too_large``,
            ``no_depth`` or ``undecodable``.
    """
    if not data:
        raise FrameError("empty", f"found no data in {what}; expected a JPEG or PNG")
    kind = format_of(data)
    size = kind.stated_size(data) if kind else None
    if kind is None or size is None:
        raise _unknown(data, what)
    check_size(*size, max_pixels)
    if not kind.is_whole(data):
        raise FrameError(
            "truncated",
            f"{what} of {len(data)} bytes is a cut or damaged {kind.name}; expected a whole one",
        )
    try:
        picture = as_rgb(kind.decoded(data))
    except (cv2.error, MemoryError, ValueError) as error:
        _check_codec(kind.name)
        said = error.err if isinstance(error, cv2.error) else error
        raise FrameError(
            "undecodable",
            f"cannot decode the {len(data)} bytes of {what} ({said}); expected a whole file",
        ) from error
    check_size(picture.shape[1], picture.shape[0], max_pixels)
    return _turned(picture, kind.orientation(data)) if rotate else picture


def _unknown(data: bytes, what: str) -> FrameError:
    expected = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    if other := other_format(data):
        return FrameError(
            "undecodable",
            f"found {other} in {what}; expected {expected}. Of a file, ImageMagick makes one, "
            "type: convert FILE FILE.jpg",  # Ubuntu 22.04 and 24.04 have no magick yet
        )
    return FrameError(
        "undecodable",
        f"{what} of {len(data)} bytes begins with {data[:8]!r}; expected a whole file of "
        f"{expected}",
    )


def _check_codec(kind: str) -> None:
    """Refuse a format that OpenCV was built without, as GIF in all before 4.12."""
    # Formats are told apart by the writer's suffix: OpenCV answers for readers only of files.
    if not cv2.haveImageWriter(".ppm" if kind == "Netpbm" else f".{kind.lower()}"):
        raise FrameError(
            "undecodable",
            f"found a {kind}, which OpenCV {cv2.__version__} was built without; expected JPEG or "
            "PNG, or in an environment of its own an OpenCV that reads it: "
            "pip install 'opencv-python-headless>=4.12'",
        )


def _turned(picture: Pixels, code: int) -> Pixels:
    if code not in _TURNS:
        return picture
    exchanged, reversed_axes = _TURNS[code]
    turned = picture.transpose(1, 0, 2) if exchanged else picture
    return np.ascontiguousarray(np.flip(turned, reversed_axes))


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
