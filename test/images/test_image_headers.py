"""Stated sizes against what OpenCV decodes."""

import cv2
import numpy as np
import pytest

from ros2_captioner.images.headers import stated_size


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (640, 480), (33, 1000)])
def test_size_is_read_from_the_header(suffix, width, height):
    data = cv2.imencode(suffix, np.zeros((height, width, 3), np.uint8))[1].tobytes()
    assert stated_size(data) == (width, height)


def test_progressive_jpeg_with_comments_and_fill_bytes():
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    data = cv2.imencode(".jpg", np.zeros((20, 30, 3), np.uint8), options)[1].tobytes()
    comment = b"\xff\xfe" + (4).to_bytes(2, "big") + b"hi" + b"\xff"
    assert stated_size(data[:2] + comment + data[2:]) == (30, 20)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM" + bytes(50)])
def test_other_or_cut_data_states_nothing(data):
    assert stated_size(data) is None
