"""GIF, of which the first picture is read."""

from __future__ import annotations

import struct


def begins(data: bytes) -> bool:
    """Whether it begins as a GIF."""
    return data[:6] in (b"GIF87a", b"GIF89a")


def size(data: bytes) -> tuple[int, int]:
    """Width and height."""
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height
