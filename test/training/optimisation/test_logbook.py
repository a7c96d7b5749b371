"""The log of a run that TensorBoard shows."""

import shutil

import cv2
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import no_room

from ros2_captioner.captions import Caption
from training.data.captions import CaptionedImage
from training.optimisation.logbook import Logbook

RED = Caption("red", 0.0, ("red",), (0.0,), np.ones((1, 2, 2), np.float32))


def test_an_image_whose_name_is_no_text_is_logged(tiny_data, tmp_path):
    image = shutil.copy(tiny_data / "red.png", tmp_path / "\udc80.png")
    Logbook(tmp_path / "log", [CaptionedImage(image)]).write({"epoch": 1}, [RED])
    assert EventAccumulator(str(tmp_path / "log")).Reload().Tags()["images"] == [r"1 \udc80.png"]


def test_images_of_one_name_in_two_folders_are_logged_apart(tiny_data, tmp_path):
    (tmp_path / "folder").mkdir()
    image = shutil.copy(tiny_data / "green.png", tmp_path / "folder/red.png")
    images = [CaptionedImage(tiny_data / "red.png"), CaptionedImage(image)]
    Logbook(tmp_path / "log", images).write({"epoch": 1}, [RED, RED])
    found = EventAccumulator(str(tmp_path / "log")).Reload().Tags()["images"]
    assert found == ["1 red.png", "2 red.png"]


def test_a_disk_without_room_is_told_once(tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "noise.png"), noise)
    logbook = Logbook(tmp_path / "log", [CaptionedImage(tmp_path / "noise.png")])
    said = f"cannot write {tmp_path / 'log'}: File too large; expected .* room for it"
    with no_room(), pytest.raises(OSError, match=said):
        logbook.write({"epoch": 1}, [RED])
    assert not capsys.readouterr().err
