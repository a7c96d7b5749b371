"""Image files to RGB arrays and back."""

import cv2
import numpy as np
import pytest

from ros2_captioner.errors import FrameError
from ros2_captioner.images.files import read_image, write_image


def test_read_image_gives_rgb(tmp_path):
    file = str(tmp_path / "red.png")
    cv2.imwrite(file, np.full((4, 4, 3), (0, 0, 255), np.uint8))
    np.testing.assert_array_equal(read_image(file)[0, 0], (255, 0, 0))


def test_read_image_names_the_file(tmp_path):
    with pytest.raises(FrameError, match=r"nothing\.jpg"):
        read_image(str(tmp_path / "nothing.jpg"))


def test_read_image_follows_the_exif_orientation(tmp_path):
    lying = cv2.imencode(".jpg", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    turned = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(turned) + 2).to_bytes(2, "big") + turned
    (tmp_path / "turned.jpg").write_bytes(lying[:2] + segment + lying[2:])
    assert read_image(tmp_path / "turned.jpg").shape == (30, 20, 3)


def test_a_cut_jpeg_is_refused_and_a_padded_one_read(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    whole = cv2.imencode(".jpg", noise)[1].tobytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FrameError, match=r"cut\.jpg: found a JPEG .* without an end marker"):
        read_image(tmp_path / "cut.jpg")
    (tmp_path / "padded.jpg").write_bytes(whole + bytes(1000))
    assert read_image(tmp_path / "padded.jpg").shape == (40, 40, 3)


def test_write_image_names_what_it_cannot_write(tmp_path):
    image = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    write_image(tmp_path / "red.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "red.png"), image)
    with pytest.raises(OSError, match=r"nowhere/red\.png"):
        write_image(tmp_path / "nowhere/red.png", image)
