"""Which frames of a video get a caption, and how long it shows."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.recordings.sampling import Sampling
from ros2_captioner.recordings.subtitles import Cue
from ros2_captioner.recordings.video_captions import video_cues


class Names:
    """Captions a frame with its brightness in hundreds; counts the frames."""

    def __init__(self):
        self.frames = 0

    def caption(self, frames, options):
        self.frames += len(frames)
        texts = [str(round(frame.mean() / 100)) for frame in frames]
        return SimpleNamespace(captions=[SimpleNamespace(text=text) for text in texts])


@pytest.fixture
def video(tmp_path):
    """10 frames a second: dark for 1.5 s, bright for 0.3 s, grey to 3.9 s, slowly growing."""
    path = str(tmp_path / "video.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for turn in range(40):
        level = 0 if turn < 15 else 200 if turn < 18 else 80 + turn
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path


def cues(video, every_s):
    names = Names()
    found = video_cues(video, names, DecodingOptions(), Sampling(every_s), lambda seconds: None)
    return [cue._replace(start_s=round(cue.start_s, 3)) for cue in found], names.frames


def test_a_caption_begins_where_the_scene_does_and_equal_ones_are_joined(video):
    found, frames = cues(video, 1.0)
    assert [cue.text for cue in found] == ["0", "2", "1"]
    assert found[0].start_s == 0
    assert found[1].start_s == pytest.approx(1.5, abs=0.2)
    assert found[2].start_s == pytest.approx(1.8, abs=0.2)
    assert found[2].end_s == pytest.approx(3.9)
    assert frames == 4 + 2  # one a second, and two cuts


def test_every_frame_can_be_taken(video):
    found, frames = cues(video, 0.0)
    assert frames == 40
    assert [(cue.start_s, cue.text) for cue in found] == [(0, "0"), (1.5, "2"), (1.8, "1")]
    assert isinstance(found[0], Cue)
