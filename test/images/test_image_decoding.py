"""Compressed bytes, whole and broken: what is decoded, what is refused, and at what cost."""

import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from compressed import MAX_PIXELS, png, refusal

from ros2_captioner.errors import FrameError
from ros2_captioner.images import decoding
from ros2_captioner.images.decoding import decode
from ros2_captioner.images.formats import FORMATS

OTHERS = [suffix for suffix in (".png", ".webp", ".tiff", ".bmp", ".gif", ".ppm")
          if cv2.haveImageWriter(suffix)]  # fmt: skip


@pytest.mark.parametrize("suffix", OTHERS)
def test_other_formats_are_read_whole_and_refused_cut(photograph, suffix):
    data = cv2.imencode(suffix, photograph[:, :, ::-1])[1].tobytes()
    assert decode(data, "the data", MAX_PIXELS).shape == photograph.shape
    for length in (9, 40, len(data) // 2, len(data) - 5):
        assert refusal(data[:length]) in ("undecodable", "bad_size", "truncated")


GIF = (b"GIF89a" + struct.pack("<HHBBB", 2, 1, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
       + b"," + struct.pack("<HHHHB", 0, 0, 2, 1, 0) + b"\2\2\x44\x0a\0;")  # fmt: skip


@pytest.mark.parametrize("has_codec", [True, False])
def test_a_format_that_opencv_was_built_without_is_named(monkeypatch, has_codec):
    """As GIF of the OpenCV that Ubuntu 22.04 and 24.04 have."""
    monkeypatch.setattr(cv2, "imdecode", lambda data, flags: None)
    monkeypatch.setattr(cv2, "haveImageWriter", lambda suffix: has_codec or suffix != ".gif")
    with pytest.raises(FrameError) as caught:
        decode(GIF, "the data", MAX_PIXELS)
    assert caught.value.reason == "undecodable"
    if has_codec:
        assert "expected a whole file" in str(caught.value)
    else:
        assert f"a GIF, which OpenCV {cv2.__version__} was built without" in str(caught.value)
        assert "pip install 'opencv-python-headless>=4.12'" in str(caught.value)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_that_opencv_has_is_not_said_to_be_missing(kind):
    if kind == "GIF" and not cv2.haveImageWriter(".gif"):
        pytest.skip("this OpenCV has no GIF")
    decoding._check_codec(kind)


@pytest.mark.skipif(not cv2.haveImageWriter(".gif"), reason="this OpenCV has no GIF")
@pytest.mark.parametrize("version", [b"87a", b"89a"])
def test_a_gif_is_read(version):
    assert decode(GIF.replace(b"89a", version), "the data", MAX_PIXELS).shape == (1, 2, 3)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff", ".bmp"])
def test_black_on_transparent_is_black_on_white(suffix):
    picture = np.zeros((32, 48, 4), np.uint8)
    picture[8:24, 8:24, 3] = 255
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    data = cv2.imencode(suffix, picture, options)[1].tobytes()
    if suffix == ".bmp" and data[14] < 108:
        pytest.skip("OpenCV before 4.7 writes a header that knows no transparency")
    found = decode(data, "the data", MAX_PIXELS)
    assert tuple(found[0, 0]) == (255, 255, 255) and tuple(found[16, 16]) == (0, 0, 0)


def test_half_transparent_is_half_white():
    data = cv2.imencode(".png", np.full((2, 2, 4), (0, 0, 200, 128), np.uint8))[1].tobytes()
    assert tuple(decode(data, "the data", MAX_PIXELS)[0, 0]) == (227, 127, 127)


def test_a_fourth_channel_that_was_left_empty_hides_nothing():
    data = cv2.imencode(".png", np.full((2, 2, 4), (0, 0, 200, 0), np.uint8))[1].tobytes()
    assert tuple(decode(data, "the data", MAX_PIXELS)[0, 0]) == (200, 0, 0)


def test_png_of_16_bits_in_colour_and_with_alpha():
    picture = np.full((4, 4, 4), (10 << 8, 20 << 8, 200 << 8, 65535), np.uint16)
    for channels in (3, 4):
        data = cv2.imencode(".png", picture[:, :, :channels])[1].tobytes()
        assert tuple(decode(data, "the data", MAX_PIXELS)[0, 0]) == (200, 20, 10)


@pytest.mark.parametrize("lacking", [np.nan, np.inf, -np.inf])
def test_tiff_of_floats_is_stretched(lacking):
    picture = np.linspace(0, 1, 64 * 3).reshape(8, 8, 3).astype(np.float32)
    picture[0] = lacking
    for pixels in (picture, picture[:, :, 0]):
        found = decode(cv2.imencode(".tiff", pixels)[1].tobytes(), "the data", MAX_PIXELS)
        assert found.shape == (8, 8, 3) and found.max() == 255 and found.min() == 0


TURNED = {1: "ab cd", 2: "ba dc", 3: "dc ba", 4: "cd ab", 5: "ac bd", 6: "ca db", 7: "db ca",
          8: "bd ac"}  # fmt: skip


@pytest.mark.parametrize("code", TURNED)
def test_orientation_turns_as_opencv_does(code):
    picture = np.array([[10, 80], [160, 250]], np.uint8).repeat(16, 0).repeat(24, 1)
    whole = cv2.imencode(".jpg", picture)[1].tobytes()
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHH", 8, 1, 274, 3, 1, code, 0)
    data = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + whole[2:]
    found = decode(data, "the data", MAX_PIXELS, rotate=True)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(found, expected)
    names = dict(zip((10, 80, 160, 250), "abcd", strict=True))
    height, width = found.shape[:2]
    corners = [[found[r, c, 0] for c in (4, width - 4)] for r in (4, height - 4)]
    read = " ".join(
        "".join(names[min(names, key=lambda grey: abs(grey - int(value)))] for value in row)
        for row in corners
    )
    assert read == TURNED[code]
    assert decode(data, "the data", MAX_PIXELS).shape == (32, 48, 3)


def png_bomb(side):
    """A PNG of zeros, whole and a thousandth of its pixels."""
    packer = zlib.compressobj(9)
    row = bytes(1 + side)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return png(side, side, 0, body)


def tiff_bomb(side):
    """A TIFF of one deflated strip of zeros."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(side)) for _ in range(side)) + packer.flush()
    entries = [(256, side), (257, side), (258, 8), (259, 8), (262, 1), (273, 8), (277, 1),
               (278, side), (279, len(body))]  # fmt: skip
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    directory = 8 + len(body)
    return (b"II*\0" + struct.pack("<I", directory) + body
            + struct.pack("<H", len(entries)) + tags + bytes(4))  # fmt: skip


_MEASURE = """
import resource, sys
from ros2_captioner.errors import FrameError
from ros2_captioner.images.decoding import decode
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(data, "the data", 64_000_000)
except FrameError as error:
    print(error.reason, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("kind", ["png", "tiff", "webp", "bmp", "gif", "ppm", "jpeg"])
def test_a_bomb_is_refused_before_it_takes_memory(kind, tmp_path):
    side = 12000
    data = {
        "png": lambda: png_bomb(side),
        "tiff": lambda: tiff_bomb(side),
        "webp": lambda: cv2.imencode(".webp", np.zeros((side, side, 3), np.uint8),
                                     [cv2.IMWRITE_WEBP_QUALITY, 1])[1].tobytes(),
        "bmp": lambda: b"BM" + bytes(12) + struct.pack("<IiiHH", 40, side, -side, 1, 24)
        + bytes(200),
        "gif": lambda: b"GIF89a" + struct.pack("<HH", side, side) + bytes(200),
        "ppm": lambda: b"P6\n# wide\n12000 12000\n255\n" + bytes(200),
        "jpeg": lambda: cv2.imencode(".jpg", np.zeros((side, side), np.uint8))[1].tobytes(),
    }[kind]()  # fmt: skip
    file = tmp_path / f"bomb.{kind}"
    file.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(file)], capture_output=True, text=True, check=True
    )
    reason, grown_kib = done.stdout.split()
    assert reason == "too_large" and int(grown_kib) < 4096
