"""WebP: what its chunks say."""

from __future__ import annotations

import struct

from ros2_captioner.images.formats.jpeg import EXIF_HEAD

_FIRST_CHUNK = 12


def begins(data: bytes) -> bool:
    """Whether it begins as a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height."""
    kind = data[_FIRST_CHUNK : _FIRST_CHUNK + 4]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return 1 + width, 1 + height
    return None


def exif(data: bytes) -> bytes:
    """Its EXIF data, a TIFF; empty if it has none."""
    at = _FIRST_CHUNK
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            return data[at + 8 : at + 8 + length].removeprefix(EXIF_HEAD)
        at += 8 + length + length % 2
    return b""
