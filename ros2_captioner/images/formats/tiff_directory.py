"""The first directory of a TIFF, in whose form EXIF is written too."""

from __future__ import annotations

import struct
from enum import IntEnum

_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_TYPES = {3: "H", 4: "I"}
_MOST_TAGS = 1000


class Tag(IntEnum):
    """Numbers of tags."""

    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    OFFSETS = 273
    ORIENTATION = 274
    SAMPLES = 277
    ROWS = 278
    COUNTS = 279
    PLANES = 284
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_COUNTS = 325
    EXTRA_SAMPLES = 338


def is_tiff(data: bytes) -> bool:
    """Whether it begins as a TIFF."""
    return data[:4] in _ORDERS


def values_of(data: bytes, tag: int) -> tuple[int, ...]:
    """The whole numbers of a tag; empty if it is not there.

    Raises:
        struct.error: they lie outside.
    """
    order = _ORDERS[data[:4]]
    for place in _entries(data, order):
        found, kind, count = struct.unpack_from(f"{order}HHI", data, place)
        if found == tag and kind in _TYPES:
            form = f"{order}{count}{_TYPES[kind]}"
            inline = struct.calcsize(form) <= 4
            at = place + 8 if inline else struct.unpack_from(f"{order}I", data, place + 8)[0]
            return struct.unpack_from(form, data, at)
    return ()


def single_values(data: bytes) -> dict[int, int]:
    """The whole number in each tag's entry, where it has one; nothing of what is no TIFF."""
    order = _ORDERS.get(data[:4])
    if order is None:
        return {}
    tags = {}
    for place in _entries(data, order):
        tag, kind = struct.unpack_from(f"{order}HH", data, place)
        if kind in _TYPES:
            tags[tag] = struct.unpack_from(order + _TYPES[kind], data, place + 8)[0]
    return tags


def _entries(data: bytes, order: str) -> range:
    """The places of the directory's entries."""
    directory = struct.unpack_from(f"{order}I", data, 4)[0]
    count = min(struct.unpack_from(f"{order}H", data, directory)[0], _MOST_TAGS)
    return range(directory + 2, directory + 2 + 12 * count, 12)
