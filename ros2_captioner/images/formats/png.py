"""PNG: what its chunks say."""

from __future__ import annotations

import struct
import zlib

_BEGIN = b"\x89PNG\r\n\x1a\n"


def begins(data: bytes) -> bool:
    """Whether it begins as a PNG."""
    return data.startswith(_BEGIN)


def size(data: bytes) -> tuple[int, int]:
    """Width and height."""
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def is_whole(data: bytes) -> bool:
    """Whether the chunks are there up to the last, those that matter unchanged."""
    at = len(_BEGIN)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + 12 + length
        kind = data[at + 4 : at + 8]
        if kind == b"IEND":
            return True
        # A capital in front: the picture cannot be told without it.
        if kind[:1].isupper() and data[end - 4 : end] != zlib.crc32(
            data[at + 4 : end - 4]
        ).to_bytes(4, "big"):
            return False
        at = end
    return False


def exif(data: bytes) -> bytes:
    """Its EXIF data, a TIFF; empty if it has none."""
    at = len(_BEGIN)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"eXIf":
            return data[at + 8 : at + 8 + length]
        at += 12 + length
    return b""
