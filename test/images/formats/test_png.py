"""PNGs that changed on the way."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from compressed import MAX_PIXELS, png, refusal

from ros2_captioner.images.decoding import decode


def test_a_png_whose_pixels_changed_on_the_way_is_refused_in_silence(photograph, capfd):
    data = bytearray(cv2.imencode(".png", photograph)[1].tobytes())
    assert refusal(bytes(data[: len(data) // 2])) == "truncated"
    data[len(data) // 2] ^= 1
    assert refusal(bytes(data)) == "truncated"
    assert capfd.readouterr().err == ""


def test_a_png_whose_remarks_changed_is_read(photograph):
    data = cv2.imencode(".png", photograph)[1].tobytes()
    remark = struct.pack(">I", 3) + b"tEXta\0b" + bytes(4)
    found = decode(data[:33] + remark + data[33:], "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, photograph[:, :, ::-1])


@pytest.mark.parametrize("chunk", [b"IHDR", b"PLTE"])
def test_a_png_whose_header_or_palette_changed_is_refused_in_silence(chunk, capfd):
    palette = b"".join(bytes((value, value, 0)) for value in range(256))
    data = bytearray(png(16, 16, 3, zlib.compress(bytes(17 * 16)), palette))
    assert decode(bytes(data), "the data", MAX_PIXELS).shape == (16, 16, 3)
    data[data.index(chunk) + 4 + 3] ^= 1
    assert refusal(bytes(data)) == "truncated"
    assert capfd.readouterr().err == ""
