"""Compressed images made by hand, and how they are refused."""

import struct
import zlib

import pytest

from ros2_captioner.errors import FrameError
from ros2_captioner.images.decoding import decode

MAX_PIXELS = 64_000_000


def refusal(data, **options):
    """The reason for which an image is refused."""
    with pytest.raises(FrameError, match="expected") as caught:
        decode(data, "the data", MAX_PIXELS, **options)
    return caught.value.reason


def png(width, height, colours, body, palette=b""):
    """A PNG of 8 bits whose deflated rows are given; `colours` is its colour type."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)),
              (b"PLTE", palette), (b"IDAT", body), (b"IEND", b"")]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
        if data or name == b"IEND"
    )
