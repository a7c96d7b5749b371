"""JPEGs, whole and broken."""

import struct

import cv2
import numpy as np
import pytest
from compressed import MAX_PIXELS, refusal

from ros2_captioner.errors import FrameError
from ros2_captioner.images.decoding import decode
from ros2_captioner.images.formats.jpeg import _segments, simplejpeg, size

END = b"\xff\xd9"


@pytest.fixture(scope="module", params=["baseline", "progressive", "restarts"])
def jpeg(request, photograph):
    options = {
        "baseline": [],
        "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
        "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 5],
    }[request.param]
    return cv2.imencode(".jpg", photograph[:, :, ::-1], options)[1].tobytes()


def test_pixels_are_those_of_opencv(jpeg):
    expected = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    np.testing.assert_array_equal(decode(jpeg, "the data", MAX_PIXELS), expected)


@pytest.mark.skipif(simplejpeg is None, reason="simplejpeg is not installed")
@pytest.mark.parametrize("rest", [b"", END], ids=["cut", "cut and ended"])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9, 0.99])
def test_a_jpeg_that_ends_early_is_refused_even_with_an_end_marker(jpeg, share, rest):
    assert refusal(jpeg[: int(share * len(jpeg))] + rest) in ("truncated", "undecodable")


@pytest.mark.skipif(simplejpeg is None, reason="simplejpeg is not installed")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_jpeg_of_inks_that_ends_early_is_refused_and_a_whole_one_read(photograph, share):
    inks = np.dstack([255 - photograph, np.zeros_like(photograph[:, :, :1])])
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(inks), colorspace="CMYK")
    upright = decode(data, "the data", MAX_PIXELS)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(upright, expected[:, :, ::-1])
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHH", 8, 1, 274, 3, 1, 6, 0)
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    found = decode(turned, "the data", MAX_PIXELS, rotate=True)
    np.testing.assert_array_equal(found, np.rot90(upright, -1))
    assert refusal(data[: int(share * len(data))] + END) == "truncated"


@pytest.mark.skipif(simplejpeg is None, reason="simplejpeg is not installed")
@pytest.mark.parametrize(
    "head", [b"\xff\xc0\0\x11\x0c", b"\xff\xc3\0\x11\x08"], ids=["12 bits", "lossless"]
)
def test_a_jpeg_of_a_rare_kind_is_not_said_to_be_damaged(photograph, head):
    data = cv2.imencode(".jpg", photograph)[1].tobytes()
    rare = data.replace(b"\xff\xc0\0\x11\x08", head, 1)
    with pytest.raises(FrameError, match="a kind that libjpeg does not decode") as caught:
        decode(rare, "the data", MAX_PIXELS)
    assert caught.value.reason == "undecodable"


@pytest.mark.skipif(simplejpeg is None, reason="simplejpeg is not installed")
@pytest.mark.parametrize("marker", [0x02, 0x5A, 0xC0, 0xC5, 0xF0])
def test_a_marker_among_the_pixels_of_a_jpeg_is_damage(jpeg, marker):
    place = jpeg.index(b"\xff\xda") + 60
    damaged = jpeg[:place] + bytes([0xFF, marker]) + jpeg[place + 2 :]
    with pytest.raises(FrameError, match="a JPEG of .* that is cut or damaged") as caught:
        decode(damaged, "the data", MAX_PIXELS)
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("usual", "odd"),
    [(b"JFIF\0\1", b"JFIF\0\2"), (b"\0\x3f\0", bytes(3)), (b"\xff\xdb", b"rest\xff\xdb")],
    ids=["version", "range of the scan", "between segments"],
)
def test_a_jpeg_whose_head_is_odd_is_read(photograph, usual, odd, channels):
    data = cv2.imencode(".jpg", photograph[:, :, :channels])[1].tobytes()
    assert usual in data
    found = decode(data.replace(usual, odd, 1), "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, decode(data, "the data", MAX_PIXELS))


@pytest.mark.parametrize("marker", [0xC4, 0xC8, 0xCC])
def test_a_size_behind_tables_is_found(jpeg, marker, photograph):
    tables = bytes([0xFF, marker, 0, 9]) + bytes([7] * 7)
    assert size(jpeg[:2] + tables + jpeg[2:]) == photograph.shape[1::-1]


def test_every_scan_is_found_between_restarts(photograph):
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 1]
    data = cv2.imencode(".jpg", photograph, options)[1].tobytes()
    scans = [place for marker, place in _segments(data) if marker == 0xDA]
    assert len(scans) == data.count(b"\xff\xda") > 5


def test_a_jpeg_of_scans_without_end_is_refused_before_it_is_decoded(photograph):
    """Some kilobytes of a large picture would take minutes."""
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    data = cv2.imencode(".jpg", photograph, progressive)[1].tobytes()
    scan = data[data.rindex(b"\xff\xda") : -len(END)]
    assert decode(data + END + 200 * scan + END, "the data", MAX_PIXELS).shape == photograph.shape
    # Nor is an end within a comment one.
    many = data[: -len(END)] + b"\xff\xfe\0\4" + END + 200 * scan + END
    with pytest.raises(FrameError, match=r"a JPEG of 2\d\d scans") as caught:
        decode(many, "the data", MAX_PIXELS)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("count", [1, 62, 63, 64, 100, 5000])
@pytest.mark.parametrize("byte", [0, 0xFF, 0xD9])
def test_what_follows_the_end_of_a_jpeg_is_left_alone(jpeg, count, byte):
    expected = decode(jpeg, "the data", MAX_PIXELS)
    found = decode(jpeg + bytes([byte]) * count, "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, expected)


def test_a_jpeg_of_its_begin_alone_is_cut():
    assert refusal(b"\xff\xd8") == "truncated"


def test_padding_before_the_end_marker_is_left_alone(jpeg):
    found = decode(jpeg[:-2] + bytes(100) + END, "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, decode(jpeg, "the data", MAX_PIXELS))


def test_without_simplejpeg_a_missing_end_is_still_seen(jpeg, monkeypatch):
    expected = decode(jpeg, "the data", MAX_PIXELS)
    monkeypatch.setattr("ros2_captioner.images.formats.jpeg.simplejpeg", None)
    thumbnail = b"\xff\xe1\0\x06\xff\xd8" + END
    for head in (b"", thumbnail):
        assert refusal(jpeg[:2] + head + jpeg[2 : len(jpeg) // 2]) == "truncated"
    np.testing.assert_array_equal(decode(jpeg, "the data", MAX_PIXELS), expected)
