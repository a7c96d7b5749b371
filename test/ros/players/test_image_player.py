"""captioner_image_player as a process."""

import os

import cv2
import numpy as np
import pytest
from rclpy.qos import ReliabilityPolicy
from ros_harness import Process
from sensor_msgs.msg import CompressedImage, Image

from ros2_captioner.images.conversion import compressed_to_rgb, image_to_rgb

ORANGE = (240, 120, 20)
PLAYER = "captioner_image_player"


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(pictures / name), np.full((50, 100, 3), ORANGE[::-1], np.uint8))
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
    assert frame.shape == (25, 50, 3) and np.abs(frame[0, 0].astype(int) - ORANGE).max() < 5


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


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        (
            {"source": 0},
            "from 0 (/dev/video0: No such file or directory); expected a webcam",
        ),
        ({"source": ""}, "found no images at source ''; expected a folder"),
        ({"max_side": -5}, "max_side"),
        ({"rate_hz": "fast"}, "rate_hz is 'fast'; expected double"),
        ({"topic": "camera image"}, "topic is 'camera image'"),
        ({"topic": 7}, "topic is '7'"),
        ({"source": "/dev/null"}, "cannot read a frame from /dev/null"),
    ],
)
def test_a_bad_parameter_is_one_line_and_status_1(tmp_path, folder, parameters, match):
    process = Process(PLAYER, tmp_path / "log", **{"source": str(folder), **parameters})
    assert process.exit_status() == 1
    lines = [line for line in process.log.splitlines() if "[INFO]" not in line]
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1 and match in errors[0] and "expected" in errors[0], process.log
    assert "Traceback" not in process.log


def test_integers_for_doubles_and_unreadable_images_do_not_stop_it(tmp_path, client, folder):
    (folder / "aa.png").write_bytes(b"no image")
    (folder / ".hidden.png").write_bytes(b"no image")
    messages = client.receive(Image, "/camera/image_raw")
    process = Process(PLAYER, tmp_path / "log", source=str(folder), rate_hz=20, max_side=50)
    assert client.spin_until(lambda: len(messages) >= 6), process.log
    assert process.stop() == 0
    assert process.log.count("passed over") == 1 and "aa.png" in process.log


def test_a_folder_whose_images_are_all_unreadable_ends_with_an_error(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"no image")
    process = Process(PLAYER, tmp_path / "log", source=str(tmp_path / "images"))
    assert process.exit_status() == 1
    assert "error: " in process.log and "Traceback" not in process.log


def test_a_name_that_is_no_text_is_passed_over_in_a_line_that_steers_no_terminal(
    tmp_path, client, folder
):
    (folder / os.fsdecode(b"gr\xfcn\n\x1b[2J.png")).write_bytes(b"no picture")
    process = Process(PLAYER, tmp_path / "player.log", source=str(folder), rate_hz=20.0)
    process.wait_for_log("gr\\udcfcn\\n\\x1b[2J.png")
    assert process.alive and "\x1b" not in process.log.replace("\x1b[0m", "").replace(
        "\x1b[33m", ""
    )
    assert process.stop() == 0


def test_overrides_of_its_topic_win_and_others_are_named(tmp_path, client, folder):
    prefix = "qos_overrides./camera/image_raw.publisher"
    parameters = {f"{prefix}.reliability": "best_effort", "qos_overrides./x.publisher.depth": 3}
    process = Process(PLAYER, tmp_path / "log", source=str(folder), **parameters)
    process.wait_for_log("playing")
    assert "qos_overrides./x.publisher.depth is of no topic of this node" in process.log

    def publishers():
        return client.node.get_publishers_info_by_topic("/camera/image_raw")

    assert client.spin_until(publishers)
    assert publishers()[0].qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert process.stop() == 0
    refused = Process(
        PLAYER, tmp_path / "log", source=str(folder), **{f"{prefix}.reliability": "perhaps"}
    )
    assert refused.exit_status() == 1
    assert "error: qos_overrides of /camera/image_raw: " in refused.log


def test_an_image_that_jpeg_cannot_hold_is_passed_over(tmp_path, client, folder):
    cv2.imwrite(str(folder / "wide.png"), np.zeros((2, 65501, 3), np.uint8))
    messages = client.receive(CompressedImage, "/camera/image_raw/compressed")
    process = Process(
        PLAYER, tmp_path / "log", source=str(folder), format="jpeg", max_side=0, rate_hz=20
    )
    assert client.spin_until(lambda: len(messages) >= 6), process.log
    assert messages[0].format == "jpeg"
    assert process.log.count("passed over: found a frame of 65501x2; expected sides of") == 1
    assert process.stop() == 0


def test_a_pipe_named_as_an_image_is_no_source(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    process = Process(PLAYER, tmp_path / "log", source=str(tmp_path / "a.jpg"))
    assert process.exit_status() == 1 and "error: found no images at source" in process.log


def test_it_plays_while_simulated_time_stands(tmp_path, client, folder):
    messages = client.receive(Image, "/camera/image_raw")
    process = Process(PLAYER, tmp_path / "log", source=str(folder), rate_hz=20, use_sim_time=True)
    assert client.spin_until(lambda: len(messages) >= 2), process.log
    assert process.stop() == 0


def test_what_is_read_at_start_cannot_be_changed(tmp_path, client, folder):
    process = Process(PLAYER, tmp_path / "log", source=str(folder))
    (result,), _ = client.set_parameters("/image_player", rate_hz=2.0)
    assert not result.successful and "read-only" in result.reason
    assert process.stop() == 0
