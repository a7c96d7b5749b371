"""Image files to RGB arrays and back."""

import os

import cv2
import numpy as np
import pytest

from ros2_captioner.errors import FrameError, OptionsError
from ros2_captioner.images.files import (
    check_image_suffix,
    images_in,
    read_image,
    write_image,
)
from ros2_captioner.images.formats.jpeg import simplejpeg


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


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("HEIC", b"\0\0\0\x1cftypheic"),
        ("HEIC", b"\0\0\0\x1cftypheix"),
        ("HEIC", b"\0\0\0\x1cftypmif1"),
        ("AVIF", b"\0\0\0 ftypavif"),
        ("JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n"),
        ("JPEG XL", b"\xff\x0a"),
        ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("PAM", b"P7\nWIDTH 4\nHEIGHT 4\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"),
    ],
)
def test_a_format_that_is_not_read_is_not_called_cut(name, head, tmp_path):
    """As phones write them; of PAM OpenCV exchanges red and blue."""
    (tmp_path / "photo").write_bytes(head + bytes(100))
    with pytest.raises(FrameError, match=f"photo: found {name} in the file; expected .* convert"):
        read_image(tmp_path / "photo")


def test_a_cut_jpeg_is_refused_and_a_padded_one_read(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    whole = cv2.imencode(".jpg", noise)[1].tobytes()
    for end in (b"", b"\xff\xd9") if simplejpeg else (b"",):
        (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2] + end)
        cut = r"cut\.jpg: found a JPEG .* expected a whole one"
        with pytest.raises(FrameError, match=cut) as refused:
            read_image(tmp_path / "cut.jpg")
        assert refused.value.reason == "truncated"
    (tmp_path / "padded.jpg").write_bytes(whole + bytes(1000))
    assert read_image(tmp_path / "padded.jpg").shape == (40, 40, 3)


def test_a_name_that_is_not_utf_8_is_written_and_read(tmp_path):
    image = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    path = os.fsdecode(os.fsencode(tmp_path) + b"/gr\xfc.png")
    write_image(path, image)
    np.testing.assert_array_equal(read_image(path), image)
    with pytest.raises(FrameError, match="expected an image file"):
        read_image(path + ".png")


@pytest.mark.parametrize("name", ["", "folder"])
def test_what_is_no_file_is_named(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(FrameError, match="cannot read .*expected an image file") as refusal:
        read_image(tmp_path / name)
    assert refusal.value.reason == "unreadable_file"


def test_a_file_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("ros2_captioner.images.files._MAX_BYTES", 1000)
    with pytest.raises(FrameError, match="/dev/zero: expected a file of at most 1000 bytes"):
        read_image("/dev/zero")


def test_images_of_a_folder_in_natural_order_without_hidden_ones(tmp_path):
    names = ["frame1.png", "frame2.PNG", "frame10.png", "frame010.jpg", "x.webp", "y.gif", "z.ppm",
             "zz1²2.png"]  # fmt: skip
    for name in (*names, ".hidden.png", "._frame1.png", "notes.txt"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.png")
    found = [path.name for path in images_in(tmp_path)]
    assert found == ["frame1.png", "frame2.PNG", "frame010.jpg", "frame10.png", "x.webp", "y.gif",
                     "z.ppm", "zz1²2.png"]  # fmt: skip


def test_write_image_names_what_it_cannot_write(tmp_path):
    image = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    write_image(tmp_path / "red.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "red.png"), image)
    for name in ("nowhere/red.png", "red.tif.unknown", "red", "red.p\udcfcg"):
        with pytest.raises(OSError, match=rf"cannot write .*{name}.*expected"):
            write_image(tmp_path / name, image)
    for name in ("red", "red.p\udcfcg", "red.pgm"):
        with pytest.raises(OptionsError, match="expected a name that ends in"):
            check_image_suffix(name)


@pytest.mark.parametrize(("name", "height"), [("tall.jpg", 70_000), ("tall.webp", 20_000)])
def test_an_image_that_its_format_does_not_hold_is_named_and_nothing_is_written(
    name, height, tmp_path
):
    with pytest.raises(OSError, match=rf"cannot write .*{name}.*expected"):
        write_image(tmp_path / name, np.zeros((height, 8, 3), np.uint8))
    assert not list(tmp_path.iterdir())
