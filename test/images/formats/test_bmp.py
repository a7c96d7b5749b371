"""BMPs: whole, cut and of rare kinds."""

import struct

import cv2
import numpy as np
import pytest
from compressed import MAX_PIXELS, refusal

from ros2_captioner.images.decoding import decode
from ros2_captioner.images.formats import bmp

BMPS = [
    (header, bits, height)
    for header in (12, 40, 124)
    for bits in (24, 32)
    for height in (5, -5)
    if not (header == 12 and height < 0)  # that header has no sign
]


@pytest.mark.parametrize(("header_bytes", "bits", "height"), BMPS)
def test_a_bmp_that_is_cut_is_refused_in_silence(header_bytes, bits, height, capfd):
    """Rows of 7 pixels, filled up to four bytes."""
    old = header_bytes == 12
    header = struct.pack("<IHHHH" if old else "<IiiHH", header_bytes, 7, height, 1, bits)
    header = header.ljust(header_bytes, b"\0")
    rows = bytes((7 * bits + 31) // 32 * 4 * abs(height))
    size = 14 + len(header) + len(rows)
    data = struct.pack("<2sIII", b"BM", size, 0, 14 + len(header)) + header + rows
    assert bmp.is_whole(data) and not bmp.is_whole(data[:-1]) and not bmp.is_whole(data[:24])
    assert refusal(data[:-1]) == "truncated"
    assert capfd.readouterr().err == ""
    if not old:  # compressed, its length cannot be told
        compressed = data[:30] + struct.pack("<I", 1) + data[34:]
        assert bmp.is_whole(compressed[:-1])


def test_a_bmp_of_odd_width_is_read_as_it_was_written():
    noise = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    found = decode(cv2.imencode(".bmp", noise)[1].tobytes(), "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, noise[:, :, ::-1])


def test_a_bmp_of_the_oldest_kind_is_in_colour():
    head = struct.pack("<2sIIIIHHHH", b"BM", 34, 0, 26, 12, 2, 1, 1, 24)
    found = decode(head + bytes([30, 90, 200, 200, 90, 30, 0, 0]), "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, [[(200, 90, 30), (30, 90, 200)]])


@pytest.mark.parametrize("filled", [True, False])
@pytest.mark.parametrize("width", [2, 3, 4])
def test_a_bmp_of_runs_is_read_whether_or_not_its_rows_are_filled_up(width, filled):
    """ImageMagick fills them up to four bytes."""
    row_bytes = 4 if filled else width
    runs = b"".join(bytes([row_bytes, value, 0, 0]) for value in (2, 1)) + b"\0\1"
    palette = bytes(4) + bytes([30, 90, 200, 0]) + bytes([60, 50, 40, 0])
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 0, 0, 66, 40, width, 2, 1, 8, 1, 0, 0, 0, 3, 0)
    found = decode(head + palette + runs, "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, [[(200, 90, 30)] * width, [(40, 50, 60)] * width])
