"""captioner_image_player as a process."""

import cv2
import numpy as np
import pytest
from ros_harness import Process
from sensor_msgs.msg import CompressedImage, Image

from ros2_captioner.images.conversion import compressed_to_rgb, image_to_rgb

GREEN = (0, 255, 0)


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(pictures / name), np.full((50, 100, 3), GREEN, np.uint8))
    return pictures


@pytest.mark.parametrize(
    ("image_format", "kind", "topic", "convert"),
    [
        ("raw", Image, "/camera/image_raw", image_to_rgb),
        ("jpeg", CompressedImage, "/camera/image_raw/compressed", compressed_to_rgb),
    ],
)
def test_plays_a_folder_once_and_ends(tmp_path, client, folder, image_format, kind, topic, convert):
    messages = []
    client.node.create_subscription(kind, topic, messages.append, 10)
    process = Process(
        "captioner_image_player",
        tmp_path / "player.log",
        source=str(folder),
        format=image_format,
        loop=False,
        rate_hz=20.0,
        max_side=50,
        frame_id="eye",
    )
    assert client.spin_until(lambda: len(messages) == 2 and not process.alive), process.log
    assert process.exit_status() == 0
    assert messages[0].header.frame_id == "eye" and messages[0].header.stamp.sec > 0
    frame = convert(messages[0])
    assert frame.shape == (25, 50, 3) and np.abs(frame[0, 0].astype(int) - GREEN).max() < 5


@pytest.mark.parametrize(
    "parameters",
    [{"source": "/nowhere"}, {"rate_hz": 0.0}, {"format": "tiff"}],
)
def test_bad_arguments_end_with_one_clear_line(tmp_path, folder, parameters):
    process = Process(
        "captioner_image_player", tmp_path / "log", **{"source": str(folder), **parameters}
    )
    assert process.exit_status() == 1
    assert "expected" in process.log and "Traceback" not in process.log
