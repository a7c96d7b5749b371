"""Jobs to frames, and what cannot be read."""

import errno
import os
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

pytest.importorskip("rosbags")
from bags import jpeg, text, write_bag

from ros2_captioner.preprocess import preprocess
from ros2_captioner.recordings.fleet.frames import frames
from ros2_captioner.recordings.fleet.jobs import FrameId, Job
from ros2_captioner.recordings.sampling import Sampling

TOPIC = "/front/image_raw/compressed"


def test_pictures_come_at_the_size_of_the_model(tmp_path, photograph):
    path = str(tmp_path / "a.png")
    cv2.imwrite(path, photograph[:, :, ::-1])
    (frame,) = frames(Job(pictures=(path,)), Sampling(1.0), (), 32)
    assert frame.id == FrameId(path) and frame.error is None
    assert np.array_equal(frame.pixels, preprocess(photograph, 32))


def test_a_picture_that_cannot_be_read_is_an_error_and_no_end(tmp_path):
    paths = [str(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    found = list(frames(Job(pictures=paths), Sampling(1.0), (), 32))
    assert [(f.id.source, f.pixels) for f in found] == [(path, None) for path in paths]
    assert all("expected an image file" in frame.error for frame in found)


def test_a_bag_gives_what_is_left_and_counts_what_is_broken(tmp_path, photograph):
    (kind, cdr), broken = jpeg(photograph, 0.5), text("a")[1]
    sent = [(1, cdr), (1.1, broken), (1.2, broken), (3, cdr), (5, cdr)]
    bag = str(write_bag(tmp_path / "drive", [(TOPIC, s, (kind, data)) for s, data in sent]))
    done = [FrameId(bag, TOPIC, 3 * 10**9)]
    one, other, broken = frames(Job(bag, done=done), Sampling(0.0), (), 32)
    assert [one.id, other.id] == [FrameId(bag, TOPIC, t * 10**9) for t in (1, 5)]
    assert (one.stamp_ns, one.frame_id) == (500_000_000, "camera")
    assert broken.id == FrameId(bag) and broken.error.startswith(f"{bag}: {TOPIC} at 1.200 s: ")
    assert broken.error.endswith("(and 1 more)")


def test_a_time_that_parquet_does_not_hold_is_an_error(tmp_path, photograph):
    """Of an mcap file, whose times have no sign: one before 1970 is written so."""
    sent = [(TOPIC, second, jpeg(photograph, 1)) for second in (1, 2**64 * 1e-9 - 1)]
    bag = str(write_bag(tmp_path / "drive", sent))
    whole, broken = frames(Job(bag), Sampling(0.0), (), 32)
    assert whole.id == FrameId(bag, TOPIC, 10**9) and whole.error is None
    assert broken.id == FrameId(bag) and "expected one below 2**63" in broken.error


def test_a_bag_that_cannot_be_read_is_an_error(tmp_path):
    (frame,) = frames(Job(str(tmp_path)), Sampling(1.0), (), 32)
    assert "expected a rosbag2 folder" in frame.error and frame.pixels is None
    assert frame.error.count(str(tmp_path)) == 2  # with the command for it


def test_a_bag_that_may_not_be_looked_into_is_an_error(tmp_path, monkeypatch):
    """Root may look into any."""
    refused = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))
    monkeypatch.setattr(Path, "iterdir", Mock(side_effect=refused))
    (tmp_path / "metadata.yaml").touch()
    (frame,) = frames(Job(str(tmp_path)), Sampling(1.0), (), 32)
    assert f"Permission denied: '{tmp_path}'" in frame.error
