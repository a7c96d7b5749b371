"""What a compressed image's header says, read before anything is decoded.

A few kilobytes can claim to be an image of gigabytes, for which a decoder would allocate memory.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator

from ros2_captioner.images.tiff_directory import Tag, is_tiff, single_values

Size = tuple[int, int]

PNG = b"\x89PNG\r\n\x1a\n"  # how it begins
_JPEG = b"\xff\xd8"
# Start-of-frame markers carry the size; C4, C8 and CC among them are something else.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END, _START_OF_SCAN, _APP1 = 0xD9, 0xDA, 0xE1
# Its marker; the others have no length, and only they come among the pixels of a scan.
_SEGMENT = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
_EXIF = b"Exif\0\0"
_BMP_PLAIN = (0, 3)  # rows of pixels as they are, their bits by convention or by masks
# Blanks one by one: of runs of runs, a header without a number would be tried in 2**n ways.
_NUMBER = rb"(?:\s|#[^\n]*\n)+(\d+)"
_NETPBM = re.compile(rb"P[1-6]" + 2 * _NUMBER)
_NETPBM_BINARY = re.compile(rb"P[56]" + 3 * _NUMBER)
# Formats that are not read, by what begins at byte 4 or by the first two bytes. Of PAM OpenCV takes
# red for blue.
_OTHERS = {
    b"ftypavif": "AVIF", b"ftypheic": "HEIC", b"ftypheix": "HEIC", b"ftypmif1": "HEIC",
    b"JXL \r\n\x87\n": "JPEG XL", b"jP  \r\n\x87\n": "JPEG 2000",
}  # fmt: skip
_OTHER_BEGINS = {b"\xff\x0a": "JPEG XL", b"P7": "PAM"}
_LONGEST_TEXT = 4096  # bytes of a Netpbm header, comments included


def format_named(data: bytes) -> str:
    """Which of `FORMATS` it begins as; empty for others."""
    return next((name for name, is_one, _ in _READERS if is_one(data)), "")


def other_format(data: bytes) -> str:
    """A known format that is none of `FORMATS`, most as phones write them; empty for others."""
    return _OTHER_BEGINS.get(data[:2]) or _OTHERS.get(data[4:12], "")


def stated_size(data: bytes) -> Size | None:
    """Width and height in the header of one of `FORMATS`; None for others and broken headers."""
    for _, is_one, size in _READERS:
        if is_one(data):
            try:
                return size(data)
            except (struct.error, IndexError):
                return None
    return None


def is_jpeg(data: bytes) -> bool:
    """Whether it begins as a JPEG."""
    return data.startswith(_JPEG)


def scan_places(data: bytes) -> list[int]:
    """Where each scan of a JPEG begins; for each a decoder goes through the whole picture.

    Before the first an embedded thumbnail may have an end marker of its own.
    """
    return [place for marker, place in _jpeg_segments(data) if marker == _START_OF_SCAN]


def png_is_whole(data: bytes) -> bool:
    """Whether the chunks of a PNG are there up to the last, those that matter unchanged."""
    at = len(PNG)
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


def bmp_is_whole(data: bytes) -> bool:
    """Whether the rows of a BMP are all there; of a compressed one it is not told."""
    try:
        offset, header_bytes = struct.unpack_from("<II", data, 10)
        width, height = _bmp_size(data) or (0, 0)
        bits = struct.unpack_from("<H", data, 24 if header_bytes == 12 else 28)[0]
        compression = 0 if header_bytes == 12 else struct.unpack_from("<I", data, 30)[0]
    except struct.error:
        return False
    row_bytes = (width * bits + 31) // 32 * 4
    return compression not in _BMP_PLAIN or len(data) >= offset + row_bytes * height


def netpbm_white(data: bytes) -> int:
    """The value of white in a binary Netpbm; 255 in others, of which OpenCV makes it that."""
    found = _NETPBM_BINARY.match(data[:_LONGEST_TEXT])
    return int(found[3]) if found else 255


def orientation(data: bytes) -> int:
    """The EXIF orientation, 1 (upright) to 8, of a JPEG, PNG or WebP; 1 where it is not stated."""
    try:
        found = single_values(_exif(data)).get(Tag.ORIENTATION, 1)
    except (struct.error, IndexError):
        return 1
    return found if 1 <= found <= 8 else 1


def _jpeg_size(data: bytes) -> Size | None:
    for marker, place in _jpeg_segments(data):
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
    return None


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and place of each segment of a JPEG, the heads of its scans among them.

    What lies between segments is skipped, as libjpeg does: a size could hide behind it.
    """
    found = _SEGMENT.search(data, len(_JPEG)) if is_jpeg(data) else None
    while found and found.end() + 2 <= len(data):
        marker, place = found[1][0], found.start()
        if marker == _END:
            return
        yield marker, place
        (length,) = struct.unpack_from(">H", data, place + 2)
        found = _SEGMENT.search(data, place + 2 + length)


def _png_size(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _webp_size(data: bytes) -> Size | None:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8X":
        sides = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        width, height = sides
        return 1 + width, 1 + height
    return None


def _tiff_size(data: bytes) -> Size:
    """The picture's size, or that of a tile where it is larger: a decoder needs room for one."""
    tags = single_values(data)
    return (
        max(tags.get(Tag.WIDTH, 0), tags.get(Tag.TILE_WIDTH, 0)),
        max(tags.get(Tag.HEIGHT, 0), tags.get(Tag.TILE_HEIGHT, 0)),
    )


def _bmp_size(data: bytes) -> Size | None:
    header_bytes = struct.unpack_from("<I", data, 14)[0]
    if header_bytes < 12:
        return None
    width, height = struct.unpack_from("<HH" if header_bytes == 12 else "<ii", data, 18)
    return width, abs(height)  # negative: rows from the top


def _gif_size(data: bytes) -> Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _netpbm_size(data: bytes) -> Size | None:
    found = _NETPBM.match(data[:_LONGEST_TEXT])
    return (int(found[1]), int(found[2])) if found else None


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _is_netpbm(data: bytes) -> bool:
    return data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace()


_READERS: tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], Size | None]], ...] = (
    ("JPEG", is_jpeg, _jpeg_size),
    ("PNG", lambda data: data.startswith(PNG), _png_size),
    ("WebP", _is_webp, _webp_size),
    ("TIFF", is_tiff, _tiff_size),
    ("BMP", lambda data: data.startswith(b"BM"), _bmp_size),
    ("GIF", lambda data: data[:6] in (b"GIF87a", b"GIF89a"), _gif_size),
    ("Netpbm", _is_netpbm, _netpbm_size),
)
FORMATS = tuple(name for name, _, _ in _READERS)


def _exif(data: bytes) -> bytes:
    if is_jpeg(data):
        for marker, place in _jpeg_segments(data):
            if marker == _APP1 and data[place + 4 : place + 10] == _EXIF:
                return data[place + 10 :]
    elif data.startswith(PNG):
        return _chunk(data, 8, ">", b"eXIf", name_first=False)
    elif _is_webp(data):
        return _chunk(data, 12, "<", b"EXIF", name_first=True).removeprefix(_EXIF)
    return b""


def _chunk(data: bytes, place: int, order: str, name: bytes, *, name_first: bool) -> bytes:
    """The content of a chunk of a PNG (length, name, content, 4 bytes) or RIFF file."""
    while place + 8 <= len(data):
        at = place + 4 if name_first else place
        length = struct.unpack_from(f"{order}I", data, at)[0]
        found = data[place : place + 4] if name_first else data[place + 4 : place + 8]
        if found == name:
            return data[place + 8 : place + 8 + length]
        place += 8 + length + (length % 2 if name_first else 4)
    return b""
