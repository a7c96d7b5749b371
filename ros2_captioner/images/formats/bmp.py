"""BMP: what its header says, and two kinds of which OpenCV needs to be told."""

from __future__ import annotations

import struct
from typing import Any

import cv2
from numpy.typing import NDArray

from ros2_captioner.images.formats import opencv

_OLDEST = 12  # bytes of its header
_RUNS = 1  # 8 bits as runs
_PLAIN = (0, 3)  # rows of pixels as they are, their bits by convention or by masks


def begins(data: bytes) -> bool:
    """Whether it begins as a BMP."""
    return data.startswith(b"BM")


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height."""
    header_bytes = struct.unpack_from("<I", data, 14)[0]
    if header_bytes < _OLDEST:
        return None
    width, height = struct.unpack_from("<HH" if header_bytes == _OLDEST else "<ii", data, 18)
    return width, abs(height)  # negative: rows from the top


def is_whole(data: bytes) -> bool:
    """Whether the rows are all there; of a compressed one it is not told."""
    try:
        offset, header_bytes = struct.unpack_from("<II", data, 10)
        width, height = size(data) or (0, 0)
        bits = struct.unpack_from("<H", data, 24 if header_bytes == _OLDEST else 28)[0]
        compression = 0 if header_bytes == _OLDEST else struct.unpack_from("<I", data, 30)[0]
    except struct.error:
        return False
    row_bytes = (width * bits + 31) // 32 * 4
    return compression not in _PLAIN or len(data) >= offset + row_bytes * height


def decoded(data: bytes) -> NDArray[Any]:
    """Of the oldest kind OpenCV would make grey, and it garbles rows that have more than the width.

    ImageMagick fills up rows of runs to four bytes, as rows without compression are.
    """
    header_bytes, width = struct.unpack_from("<Ii", data, 14)
    if header_bytes == _OLDEST:
        return opencv.decoded(data, cv2.IMREAD_COLOR)
    if struct.unpack_from("<I", data, 30)[0] != _RUNS:
        return opencv.decoded(data)
    filled = struct.pack("<i", -(-width // 4) * 4)
    return opencv.decoded(data[:18] + filled + data[22:])[:, :width]
