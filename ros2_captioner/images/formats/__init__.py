"""The formats of compressed images that are read, a module for each.

A few kilobytes can claim to be an image of gigabytes, for which a decoder would allocate memory: so
what the header says is read before anything is decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ros2_captioner.images.formats import (
    bmp,
    gif,
    jpeg,
    netpbm,
    opencv,
    png,
    tiff,
    tiff_directory,
    tiff_strips,
    webp,
)

# Formats that are not read, by what begins at byte 4 or by the first two bytes. Of PAM OpenCV takes
# red for blue.
_OTHERS = {
    b"ftypavif": "AVIF", b"ftypheic": "HEIC", b"ftypheix": "HEIC", b"ftypmif1": "HEIC",
    b"JXL \r\n\x87\n": "JPEG XL", b"jP  \r\n\x87\n": "JPEG 2000",
}  # fmt: skip
_OTHER_BEGINS = {b"\xff\x0a": "JPEG XL", b"P7": "PAM"}


@dataclass(frozen=True)
class Format:
    """How a format is read.

    Attributes:
        name: of the format.
        begins: whether data begin as one.
        size: width and height that its header states, None if it is broken. May raise
            struct.error or FrameError.
        is_whole: whether nothing is missing or damaged, as far as no decoder would tell: libpng,
            and OpenCV of BMP, print lines of their own, and OpenCV takes a damaged TIFF for whole.
        decoded: ``[height, width]`` grey or ``[height, width, channels]`` grey, BGR or BGRA, of as
            many bits as it has, upright or not. May raise cv2.error, ValueError or FrameError.
        exif: its EXIF data, a TIFF; empty if it has none. May raise struct.error.
    """

    name: str
    begins: Callable[[bytes], bool]
    size: Callable[[bytes], tuple[int, int] | None]
    is_whole: Callable[[bytes], bool] = lambda data: True
    decoded: Callable[[bytes], NDArray[Any]] = opencv.decoded
    exif: Callable[[bytes], bytes] = lambda data: b""

    def stated_size(self, data: bytes) -> tuple[int, int] | None:
        """Width and height in the header; None for a broken one.

        Raises:
            FrameError: see `ros2_captioner.images.formats.jpeg.size`.
        """
        try:
            return self.size(data)
        except struct.error:
            return None

    def orientation(self, data: bytes) -> int:
        """The EXIF orientation, 1 (upright) to 8; 1 where it is not stated."""
        try:
            tags = tiff_directory.single_values(self.exif(data))
        except struct.error:
            return 1
        found = tags.get(tiff_directory.Tag.ORIENTATION, 1)
        return found if 1 <= found <= 8 else 1


_FORMATS = (
    Format("JPEG", jpeg.begins, jpeg.size, decoded=jpeg.decoded, exif=jpeg.exif),
    Format("PNG", png.begins, png.size, png.is_whole, exif=png.exif),
    Format("WebP", webp.begins, webp.size, exif=webp.exif),
    Format("TIFF", tiff_directory.is_tiff, tiff.size, tiff_strips.are_whole, tiff.decoded),
    Format("BMP", bmp.begins, bmp.size, bmp.is_whole, bmp.decoded),
    Format("GIF", gif.begins, gif.size),
    Format("Netpbm", netpbm.begins, netpbm.size, decoded=netpbm.decoded),
)
FORMATS = tuple(each.name for each in _FORMATS)


def format_of(data: bytes) -> Format | None:
    """The format that data begin as; None for others."""
    return next((each for each in _FORMATS if each.begins(data)), None)


def other_format(data: bytes) -> str:
    """A known format that is none of `FORMATS`, most as phones write them; empty for others."""
    return _OTHER_BEGINS.get(data[:2]) or _OTHERS.get(data[4:12], "")
