"""The log of a run that TensorBoard shows."""

import shutil

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ros2_captioner.captions import Caption
from training.data.captions import CaptionedImage
from training.optimisation.logbook import Logbook


def test_an_image_whose_name_is_no_text_is_logged(tiny_data, tmp_path):
    image = shutil.copy(tiny_data / "red.png", tmp_path / "\udc80.png")
    logbook = Logbook(tmp_path / "log", [CaptionedImage(image)])
    logbook.write(
        {"epoch": 1}, [Caption("red", 0.0, ("red",), (0.0,), np.ones((1, 2, 2), np.float32))]
    )
    assert EventAccumulator(str(tmp_path / "log")).Reload().Tags()["images"] == [r"\udc80.png"]
