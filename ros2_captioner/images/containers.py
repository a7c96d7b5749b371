"""How long a video file should be, from the sizes that its container tells.

AVI (RIFF), MP4 and MOV (ISO/IEC 14496-12), Matroska and WebM (RFC 8794 and 9559) are each a row of
elements that begin with their size, so a file that was cut ends within one. OpenCV reads as far as
it gets and tells nothing; its numbers of frames are guesses for many a whole file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

_HEAD_BYTES = 16  # of an element, at most
_ISO_TYPES = {
    b"ftyp", b"free", b"mdat", b"moof", b"moov", b"sidx", b"skip", b"styp", b"uuid", b"wide",
}  # fmt: skip
_EBML_HEADER, _EBML_SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def cut_short(source: str) -> str:
    """In words, how much of a video file is missing; empty if its container does not tell."""
    path = Path(source)
    if not path.is_file():  # nor a pipe, which nobody may write to any more
        return ""
    try:
        found = path.stat().st_size
        told = _told_bytes(path, found)
    except OSError:  # it may not be read, as whoever opens it will hear
        return ""
    if found >= told:
        return ""
    return f"{source} was cut: found {found} of {told} bytes; expected a whole video"


def _told_bytes(path: Path, size: int) -> int:
    """Where the last element ends that begins in the file; what follows them may be anything."""
    end = 0
    with path.open("rb") as stream:
        while end < size:
            stream.seek(end)
            head = stream.read(_HEAD_BYTES)
            length = next((length for kind in _KINDS if (length := kind(head))), 0)
            if length == 0:
                break
            end += length
    return end


def _riff(head: bytes) -> int:
    """Bytes of a RIFF chunk; 0 if it is none, or was written into a pipe and never learnt them."""
    if head[:4] != b"RIFF" or head[4:8] == b"\xff" * 4:
        return 0
    return 8 + int.from_bytes(head[4:8], "little")


def _iso_box(head: bytes) -> int:
    """Bytes of a box of ISO base media; 0 if it is none, or lasts to the end of the file."""
    if head[4:8] not in _ISO_TYPES:
        return 0
    size = int.from_bytes(head[:4], "big")
    return int.from_bytes(head[8:16], "big") if size == 1 else size


def _ebml(head: bytes) -> int:
    """Bytes of Matroska's header or segment; 0 if it is neither, or was written as a live stream.

    The size is as many bytes long as its first one has leading zeros, and one more; the bit after
    them is no part of it, and all ones mean that it is not known.
    """
    if head[:4] not in (_EBML_HEADER, _EBML_SEGMENT) or len(head) < 5 or head[4] == 0:
        return 0
    width = 9 - head[4].bit_length()
    most = (1 << 7 * width) - 1
    size = int.from_bytes(head[4 : 4 + width], "big") & most
    return 0 if size == most else 4 + width + size


_KINDS: tuple[Callable[[bytes], int], ...] = (_riff, _iso_box, _ebml)
