"""Whole and cut video files of each container."""

import cv2
import numpy as np
import pytest

from ros2_captioner.images.containers import cut_short

FTYP = b"\x00\x00\x00\x10ftypisom0000"
MDAT_64_BITS = b"\x00\x00\x00\x01mdat" + (40).to_bytes(8, "big") + bytes(24)
WHOLE = {
    "MP4 that begins with its index": FTYP + b"\x00\x00\x00\x0cmoov...." + MDAT_64_BITS,
    "MP4 in fragments": FTYP
    + b"\x00\x00\x00\x0csidx....\x00\x00\x00\x0cmoof....\x00\x00\x00\x0cmdat....",
    "MP4 of a camera": b"\x00\x00\x00\x08styp\x00\x00\x00\x08skip\x00\x00\x00\x0cuuid....",
    "MOV of a camera": b"\x00\x00\x00\x08wide\x00\x00\x00\x0cmdat....",
    "AVI of two parts": b"RIFF\x04\x00\x00\x00AVI RIFF\x06\x00\x00\x00AVIX..",
    "Matroska": b"\x1a\x45\xdf\xa3\x84head\x18\x53\x80\x67\x40\x04body",
}
UNTOLD = {
    "AVI from a pipe": b"RIFF" + b"\xff" * 4 + b"AVI ",
    "Matroska from a live stream": b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01"
    + b"\xff" * 7
    + b"body",
    "Matroska of which its first name is left": b"\x1a\x45\xdf\xa3",
    "Matroska of no known width": b"\x1a\x45\xdf\xa3\x00" + b"\x01" * 11,
    "MP4 whose last box lasts to the end": FTYP + b"\x00\x00\x00\x00mdat....",
    "MPEG transport stream": b"\x47\x40\x11\x10" * 20,
    "what follows a whole AVI": WHOLE["AVI of two parts"] + b"RIFX\xff\xff\xff\x7f",
    "nothing": b"",
}


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".avi", "MJPG"), (".mp4", "mp4v"), (".mkv", "mp4v"), (".webm", "VP80")]
)
def test_what_opencv_writes_is_whole_until_it_is_cut(tmp_path, suffix, codec):
    file, random = tmp_path / f"video{suffix}", np.random.default_rng(0)
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), 10, (64, 48))
    for _ in range(20):
        writer.write(random.integers(0, 255, (48, 64, 3), np.uint8))
    writer.release()
    assert cut_short(str(file)) == ""
    content = file.read_bytes()
    for cut in np.linspace(100, len(content) - 1, 20, dtype=int):
        file.write_bytes(content[:cut])
        told = cut_short(str(file))
        assert told.startswith(f"{file} was cut: found {cut} of "), cut
        assert told.endswith(" bytes; expected a whole video")


@pytest.mark.parametrize("name", WHOLE)
def test_the_end_is_that_of_the_last_element(tmp_path, name):
    file = tmp_path / "video"
    file.write_bytes(WHOLE[name])
    assert cut_short(str(file)) == ""
    file.write_bytes(WHOLE[name][:-1])
    assert f"found {len(WHOLE[name]) - 1} of {len(WHOLE[name])} bytes" in cut_short(str(file))


@pytest.mark.parametrize("name", UNTOLD)
def test_what_does_not_tell_its_size_is_not_called_cut(tmp_path, name):
    file = tmp_path / "video"
    file.write_bytes(UNTOLD[name])
    assert cut_short(str(file)) == ""


def test_what_is_no_file_is_not_called_cut(tmp_path):
    assert cut_short(str(tmp_path)) == cut_short("0") == ""
