"""What a compressed image's header says, read before anything is decoded.

A few kilobytes can claim to be an image of gigabytes, for which a decoder would allocate memory.
"""

from __future__ import annotations

from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
# Start-of-frame markers carry the size; C4, C8 and CC in their midst are something else.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA
_MARKERS_WITHOUT_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01, 0xFF}


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in a PNG's or JPEG's header; None for other formats or a broken header."""
    if data.startswith(_PNG) and len(data) >= 24:
        return _number(data[16:20]), _number(data[20:24])
    for marker, place in _jpeg_segments(data):
        if marker in _FRAME_MARKERS and place + 9 <= len(data):
            return _number(data[place + 7 : place + 9]), _number(data[place + 5 : place + 7])
    return None


def jpeg_is_cut(data: bytes) -> bool:
    """Whether it is a JPEG without an end marker behind its first scan; padding may follow it."""
    if not data.startswith(_JPEG):
        return False
    # Before the scan an embedded thumbnail may have an end marker of its own.
    scan = next((at for marker, at in _jpeg_segments(data) if marker == _START_OF_SCAN), 0)
    return data.find(_JPEG_END, scan) < 0


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and place of each segment of a JPEG up to its first scan."""
    place = len(_JPEG) if data.startswith(_JPEG) else len(data)
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in _MARKERS_WITHOUT_LENGTH:
            place += 1 if marker == 0xFF else 2
            continue
        yield marker, place
        place += 2 + _number(data[place + 2 : place + 4])


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")
