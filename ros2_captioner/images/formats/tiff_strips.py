"""Whether a TIFF's compressed pixels are whole.

Of 8 bits OpenCV paints black what libtiff cannot decode, and does not say so; of 16 bits it does.
So the same strips are decoded once more under a directory that calls them 16 bits of grey.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np

from ros2_captioner.images.formats.tiff_directory import Tag, values_of

_TOLD = (5, 8, 32773, 32946)  # LZW, deflate, PackBits and deflate by its older number
_LARGEST_SIDE = 2**20  # that OpenCV decodes
_MOST_SAMPLES = 4  # that OpenCV decodes
_LONG = 4  # type of a tag: 32 bits


def are_whole(data: bytes) -> bool:
    """Whether all strips or tiles of a TIFF decode; True too where it cannot be told.

    Told of 8 bits in LZW, deflate or PackBits, their samples side by side. OpenCV itself refuses
    what is not compressed and not whole.
    """
    try:
        probe = np.frombuffer(_as_grey(data), np.uint8)
        return not probe.size or cv2.imdecode(probe, cv2.IMREAD_UNCHANGED) is not None
    except (struct.error, cv2.error):
        return False


def _as_grey(data: bytes) -> bytes:
    """The strips under another directory, of 16 bits of grey; empty where it cannot be made."""

    def first(tag: int, default: int) -> int:
        return next(iter(values_of(data, tag)), default)

    samples, height = first(Tag.SAMPLES, 1), first(Tag.HEIGHT, 0)
    compression = first(Tag.COMPRESSION, 1)
    plain = (first(Tag.BITS, 1), first(Tag.PLANES, 1), first(Tag.FILL_ORDER, 1)) == (8, 1, 1)
    if not plain or compression not in _TOLD or samples > _MOST_SAMPLES:
        return b""
    row_bytes, rows = first(Tag.WIDTH, 0) * samples, first(Tag.ROWS, height)
    offsets, counts = values_of(data, Tag.OFFSETS), values_of(data, Tag.COUNTS)
    if tiles := values_of(data, Tag.TILE_OFFSETS):  # each as a strip of its own
        columns, rows = first(Tag.TILE_WIDTH, 0) or 1, first(Tag.TILE_HEIGHT, 0) or 1
        count = -(-first(Tag.WIDTH, 0) // columns) * -(-height // rows)
        # More are not of the picture, and would take gigabytes that no header tells of.
        offsets, counts = tiles[:count], values_of(data, Tag.TILE_COUNTS)[:count]
        row_bytes, height = columns * samples, rows * len(offsets)
    if row_bytes % 2 and rows > 1:  # two rows as one
        height = height // rows * (rows // 2) + height % rows // 2
        row_bytes, rows = 2 * row_bytes, rows // 2
    width = row_bytes // 2
    if not rows or width * height < 2 or max(width, height) > _LARGEST_SIDE:
        return b""
    return _with_directory(data, {
        Tag.WIDTH: (width,), Tag.HEIGHT: (height,), Tag.BITS: (16,),
        Tag.COMPRESSION: (compression,), Tag.PHOTOMETRIC: (1,), Tag.OFFSETS: offsets,
        Tag.SAMPLES: (1,), Tag.ROWS: (rows,), Tag.COUNTS: counts,
    })  # fmt: skip


def _with_directory(data: bytes, entries: dict[int, tuple[int, ...]]) -> bytes:
    """A TIFF with another directory, its entries by tag in rising order."""
    directory, arrays = struct.pack("<H", len(entries)), b""
    begin = len(data) + 2 + 12 * len(entries) + 4
    for tag, values in entries.items():
        content = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            content, arrays = struct.pack("<I", begin + len(arrays)), arrays + content
        directory += struct.pack("<HHI", tag, _LONG, len(values)) + content
    head = b"II*\0" + struct.pack("<I", len(data))
    return b"".join([head, data[len(head) :], directory, bytes(4), arrays])
