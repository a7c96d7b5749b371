"""The demo as a process: how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import cv2
import pytest
from std_msgs.msg import Header, String

from ros2_captioner.command_line.ending import INTERRUPTED
from ros2_captioner.ros.demo.__main__ import Audience, main
from ros2_captioner.ros.messages.images import jpeg_message

TIMEOUT_S = 60.0


@pytest.fixture
def demo(tmp_path, photograph):
    """Starts it with a photograph, twice, one that is broken, and its output in a file."""
    (tmp_path / "photographs").mkdir()
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"photographs/{name}.png"), photograph)
    (tmp_path / "photographs/c.png").write_bytes(b"")
    options = ["--photographs", "photographs", "--output", "captions.png"]
    with open(tmp_path / "log", "w") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "ros2_captioner.ros.demo", *options],
            cwd=tmp_path, stdout=log, stderr=log,
            start_new_session=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
    yield started
    if started.poll() is None:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def wait_for(condition, what):
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_paths_may_begin_with_a_tilde_and_nothing_is_made_for_a_folder_that_is_not_there(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["--photographs=~/nowhere", "--output=~/demo/captions.png"]) == 1
    said = f"error: found no folder {tmp_path / 'nowhere'}; expected one with images\n"
    assert capsys.readouterr().err == said and not any(tmp_path.iterdir())


def test_every_photograph_that_can_be_read_gets_its_caption(demo, tmp_path):
    assert demo.wait(2 * TIMEOUT_S) == 0
    said = (tmp_path / "log").read_text()
    assert "captioning /demo_camera/image_raw/compressed\n" in said  # no real camera's topic
    assert "/scene_caption: " in said and said.endswith("1 captions for 1 photographs\n")
    assert (tmp_path / "captions.png").stat().st_size > 0


def test_a_caption_of_another_captioner_is_left_out(photograph):
    """One that hears the demo's camera too, and was not asked where it looked."""
    audience = SimpleNamespace(_frames={(1, 2): jpeg_message(photograph, Header())}, captioned={})
    stamp, words = {"sec": 1, "nanosec": 2}, [{"word": "grass", "log_prob": -1.0}]
    detail = {"stamp": stamp, "caption": "grass", "score": -1.0, "words": words}
    Audience._on_detail(audience, String(data=json.dumps(detail)))
    assert not audience.captioned


def test_the_figure_gets_all_that_the_captioner_tells(photograph):
    message = jpeg_message(photograph, Header())
    audience = SimpleNamespace(_frames={(1, 2): message}, captioned={})
    words = [{"word": "grass", "log_prob": -1.0, "attention": [[0.5]]}]
    detail = {"caption": "grass", "score": -1.0, "confidence": 0.8, "words": words}
    detail |= {"stamp": {"sec": 1, "nanosec": 2}, "objects": [{"word": "dog", "probability": 0.3}]}
    Audience._on_detail(audience, String(data=json.dumps(detail)))
    ((_, caption),) = audience.captioned.values()
    assert caption.objects == (("dog", 0.3),) and caption.confidence == 0.8


def test_what_another_camera_sends_on_the_topic_is_left_out(photograph):
    audience = SimpleNamespace(_frames={}, shown=set())
    Audience._on_frame(audience, jpeg_message(photograph, Header(frame_id="front")))
    assert not audience._frames and not audience.shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_its_nodes_without_a_traceback(demo, tmp_path, number):
    wait_for(lambda: "[captioner]" in (tmp_path / "log").read_text(), "the node does not start")
    send = os.killpg if number == signal.SIGINT else os.kill  # Ctrl-C reaches the nodes too
    send(demo.pid, number)
    assert demo.wait(TIMEOUT_S) == INTERRUPTED
    said = (tmp_path / "log").read_text()
    assert "Traceback" not in said and "Exception" not in said
    with pytest.raises(ProcessLookupError):  # nobody is left of them
        os.killpg(demo.pid, 0)
