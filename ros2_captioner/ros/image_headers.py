"""The size that a compressed picture states, read before anything is decoded.

A few kilobytes can pose as a picture of gigabytes; a decoder would make room for it.
"""

from __future__ import annotations

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
# Start-of-frame markers carry the size; C4, C8 and CC in their midst are something else.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKERS_WITHOUT_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01, 0xFF}


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in a PNG's or JPEG's header; None for other formats or a broken header."""
    if data.startswith(_PNG) and len(data) >= 24:
        return _number(data[16:20]), _number(data[20:24])
    return _jpeg_size(data) if data.startswith(_JPEG) else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in _FRAME_MARKERS:
            return _number(data[place + 7 : place + 9]), _number(data[place + 5 : place + 7])
        if marker in _MARKERS_WITHOUT_LENGTH:
            place += 1 if marker == 0xFF else 2
        else:
            place += 2 + _number(data[place + 2 : place + 4])
    return None


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")
