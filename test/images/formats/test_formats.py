"""Stated sizes against what OpenCV decodes."""

import struct

import cv2
import numpy as np
import pytest

from ros2_captioner.images.formats import format_of


def stated_size(data):
    return format_of(data).stated_size(data)


def orientation(data):
    return format_of(data).orientation(data)


SUFFIXES = [s for s in (".jpg", ".png", ".webp", ".tiff", ".bmp", ".gif", ".ppm", ".pgm")
            if cv2.haveImageWriter(s)]  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("width", "height"), [(1, 2), (640, 480), (33, 1000)])
def test_size_is_read_from_the_header(suffix, width, height):
    picture = np.zeros((height, width, 3), np.uint8)
    data = cv2.imencode(suffix, picture[:, :, 0] if suffix == ".pgm" else picture)[1].tobytes()
    assert stated_size(data) == (width, height)


def test_webp_lossless_and_with_alpha():
    for channels, quality in ((3, 101), (4, 101), (4, 80)):
        picture = np.zeros((20, 30, channels), np.uint8)
        picture[:10] = 255
        data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
        assert stated_size(data) == (30, 20), data[12:16]


def test_a_size_behind_garbage_between_segments_is_found_as_libjpeg_finds_it():
    data = cv2.imencode(".jpg", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    assert stated_size(data[:2] + b"garbage\xff\0" + data[2:]) == (30, 20)


def test_a_tile_larger_than_its_picture_counts():
    entries = [(256, 4), (257, 4), (322, 60000), (323, 50000)]
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    assert stated_size(head + tags) == (60000, 50000)


def exif(code, order=">"):
    """TIFF with the orientation alone."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    return mark + struct.pack(f"{order}IHHHIHH", 8, 1, 274, 3, 1, code, 0)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", range(1, 9))
def test_orientation_of_jpeg_png_and_webp(code, order):
    picture, content = np.zeros((4, 4, 3), np.uint8), exif(code, order)
    jpeg, png, webp = (cv2.imencode(s, picture)[1].tobytes() for s in (".jpg", ".png", ".webp"))
    segment = b"Exif\0\0" + content
    segment = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    chunk = struct.pack(">I", len(content)) + b"eXIf" + content + bytes(4)
    assert orientation(jpeg[:2] + segment + jpeg[2:]) == code
    assert orientation(png[:33] + chunk + png[33:]) == code
    assert orientation(webp + b"EXIF" + struct.pack("<I", len(content)) + content) == code
    # Behind XMP in a segment of the same kind, and behind a chunk of odd length.
    xmp = b"\xff\xe1\0\x09http://"
    assert orientation(jpeg[:2] + xmp + segment + jpeg[2:]) == code
    content = b"Exif\0\0" + content
    odd = b"XMP " + struct.pack("<I", 3) + b"abc\0"
    assert orientation(webp + odd + b"EXIF" + struct.pack("<I", len(content)) + content) == code


@pytest.mark.parametrize("code", [0, 9, 65535])
def test_an_orientation_that_makes_no_sense_is_none(code):
    jpeg = cv2.imencode(".jpg", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    segment = b"Exif\0\0" + exif(code)
    segment = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    assert orientation(jpeg[:2] + segment + jpeg[2:]) == 1
    assert orientation(jpeg[:2] + segment[:20]) == 1


def test_progressive_jpeg_with_comments_and_fill_bytes():
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    data = cv2.imencode(".jpg", np.zeros((20, 30, 3), np.uint8), options)[1].tobytes()
    comment = b"\xff\xfe" + (4).to_bytes(2, "big") + b"hi" + b"\xff"
    assert stated_size(data[:2] + comment + data[2:]) == (30, 20)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM" + bytes(50)])
def test_a_cut_header_states_nothing(data):
    assert stated_size(data) is None


@pytest.mark.parametrize("data", [b"", b"P", b"RIFF", b"P7\n", b"a sentence"])
def test_other_data_are_of_no_format(data):
    assert format_of(data) is None
