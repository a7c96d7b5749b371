"""JPEG: what its segments say, and its pixels, of which none may be missing."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError
from ros2_captioner.images.formats import opencv

try:
    import simplejpeg
except ImportError:  # comes with pip, not with apt
    simplejpeg = None

EXIF_HEAD = b"Exif\0\0"  # what its EXIF data begin with
_BEGIN = b"\xff\xd8"
_END = b"\xff\xd9"
# Start-of-frame markers carry the size; C4, C8 and CC among them are something else.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _APP1 = 0xDA, 0xE1
# Its marker; the others have no length, and only they come among the pixels of a scan.
_SEGMENT = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
_MOST_SCANS = 100  # a progressive one has about ten, and a thousand fit some kilobytes
# What it is decoded to, by the name that simplejpeg gives its colours; the others are inks.
_SPACES = {"Gray": "GRAY", "RGB": "BGR", "YCbCr": "BGR"}
# What libjpeg says of one whose picture is whole all the same.
_HARMLESS = ("extraneous bytes before marker", "JFIF revision", "SOS parameters")
# What it says of a kind that it lacks. It says "Unsupported" of markers among the pixels too, which
# only damage puts there.
_LACKING = ("data precision", "color conversion", "not implemented")


def begins(data: bytes) -> bool:
    """Whether it begins as a JPEG."""
    return data.startswith(_BEGIN)


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height.

    Raises:
        FrameError: with reason ``truncated`` for one without an end, ``too_large`` for one of more
            scans than anybody waits for.
    """
    segments = list(_segments(data))
    _check_scans(data, [place for marker, place in segments if marker == _START_OF_SCAN])
    for marker, place in segments:
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
    return None


def exif(data: bytes) -> bytes:
    """Its EXIF data, a TIFF; empty if it has none."""
    for marker, place in _segments(data):
        if marker == _APP1 and data[place + 4 : place + 10] == EXIF_HEAD:
            return data[place + 10 :]
    return b""


def decoded(data: bytes) -> NDArray[Any]:
    """uint8, grey or BGR; a picture that ends early is refused.

    libjpeg paints what is missing grey and calls that a warning, which OpenCV does not hand on.

    Raises:
        FrameError: with reason ``truncated``, or ``undecodable`` for rare kinds of JPEG.
        ValueError: OpenCV does not decode it.
    """
    if simplejpeg is None:
        return opencv.decoded(data)
    try:
        space = _SPACES.get(simplejpeg.decode_jpeg_header(data)[2])
        found = simplejpeg.decode_jpeg(data, space or "CMYK", strict=True)
    except ValueError as error:
        if any(words in str(error) for words in _LACKING):
            raise FrameError(
                "undecodable",
                f"found a JPEG of a kind that libjpeg does not decode ({error}); expected 8 bits a "
                "sample, baseline or progressive",
            ) from error
        if not any(words in str(error) for words in _HARMLESS):
            raise FrameError(
                "truncated",
                f"found a JPEG of {len(data)} bytes that is cut or damaged ({error}); expected a "
                "whole one",
            ) from error
        return opencv.decoded(data)
    return np.asarray(found) if space else opencv.decoded(data)  # it knows what colours inks make


def _check_scans(data: bytes, scans: list[int]) -> None:
    """For each scan a decoder goes through the whole picture.

    Before the first an embedded thumbnail may have an end marker of its own.
    """
    if data.find(_END, scans[0] if scans else 0) < 0:
        raise FrameError(
            "truncated",
            f"found a JPEG of {len(data)} bytes without an end marker; expected a whole one",
        )
    if len(scans) > _MOST_SCANS:
        raise FrameError(
            "too_large",
            f"found a JPEG of {len(scans)} scans, each of which takes as long as a picture; "
            f"expected at most {_MOST_SCANS}",
        )


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and place of each segment, the heads of the scans among them.

    What lies between segments is skipped, as libjpeg does: a size could hide behind it.
    """
    found = _SEGMENT.search(data, len(_BEGIN))
    while found and found.end() + 2 <= len(data):
        marker, place = found[1][0], found.start()
        if marker == _END[1]:
            return
        yield marker, place
        (length,) = struct.unpack_from(">H", data, place + 2)
        found = _SEGMENT.search(data, place + 2 + length)
