"""Folders, pictures and videos as a stream of frames."""

import itertools
import os
import struct
import tempfile
from collections import deque
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from ros2_captioner.errors import FrameError
from ros2_captioner.images.sources import _Clock, frames_from, shrink, video_moments

RED, BLUE = (0, 0, 255), (255, 0, 0)  # OpenCV's order


@pytest.fixture
def folder(tmp_path):
    for name, colour in (("b.png", BLUE), ("a.png", RED)):
        cv2.imwrite(str(tmp_path / name), np.full((8, 8, 3), colour, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_folder_in_name_order_once_and_looped(folder):
    once = [tuple(frame[0, 0]) for frame in frames_from(str(folder), loop=False)]
    assert once == [(255, 0, 0), (0, 0, 255)]
    looped = itertools.islice(frames_from(str(folder), loop=True), 5)
    assert [tuple(frame[0, 0]) for frame in looped] == [*once, *once, once[0]]


def test_an_unreadable_picture_is_named_and_passed_over(folder):
    (folder / "aa.png").write_bytes(b"no picture")
    told = []
    frames = frames_from(str(folder), True, told.append)
    seen = [tuple(next(frames)[0, 0]) for _ in range(4)]
    assert seen == [(255, 0, 0), (0, 0, 255)] * 2
    assert len(told) == 2 and "aa.png" in told[0]


def test_a_folder_without_a_readable_picture_ends(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(FrameError, match=r"a\.png"):
        next(frames_from(str(tmp_path), loop=True))


@pytest.mark.parametrize("suffix", [".bmp", ".ppm", ".webp", ".tif"])
def test_every_format_that_is_read_may_be_played(tmp_path, suffix):
    cv2.imwrite(str(tmp_path / f"a{suffix}"), np.full((8, 8, 3), RED, np.uint8))
    for source in (tmp_path, tmp_path / f"a{suffix}"):
        assert next(frames_from(str(source), loop=False)).shape == (8, 8, 3)


@pytest.mark.parametrize("source", ["/dev/gr\udcfc", "9" * 30, "/dev/null"])
def test_what_opencv_cannot_open_is_named(source):
    with pytest.raises(FrameError, match="expected a (video|webcam)"):
        next(frames_from(source, loop=True))


def test_what_is_not_there_is_not_blamed_on_its_codec():
    with pytest.raises(FrameError, match=r"from no\.mp4 \(No such .*\); .* OpenCV decodes$"):
        next(video_moments("no.mp4", lambda time_ns: True))
    with pytest.raises(FrameError, match=r"from 99 \(/dev/video99: No such file or directory\)"):
        next(frames_from("99", loop=False))


def write_video(file, codec):
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), 5, (32, 32))
    for _ in range(3):
        writer.write(np.full((32, 32, 3), RED, np.uint8))
    writer.release()


def test_a_cut_video_of_which_no_frame_is_left_is_not_blamed_on_its_codec(tmp_path):
    file = tmp_path / "video.mp4"  # its index comes last
    write_video(file, "mp4v")
    file.write_bytes(file.read_bytes()[:200])
    said = r"video\.mp4 was cut: found 200 of \d+ bytes; .* no frame can be read from what is left"
    for frames in (frames_from(str(file), False), video_moments(str(file), lambda time_ns: True)):
        with pytest.raises(FrameError, match=said):
            next(frames)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch, photograph):
    monkeypatch.setenv("HOME", str(tmp_path))
    cv2.imwrite(str(tmp_path / "a.png"), photograph[:, :, ::-1])
    for source in ("~", "~/a.png"):
        assert (next(frames_from(source, loop=False)) == photograph).all()


def test_files_in_shared_memory_are_no_webcam():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        write_video(f"{folder}/video.avi", "MJPG")
        assert len(list(frames_from(f"{folder}/video.avi", loop=False))) == 3
        cv2.imwrite(f"{folder}/a.png", np.full((8, 8, 3), RED, np.uint8))
        assert len(list(frames_from(folder, loop=False))) == 1
        Path(folder, "junk.avi").touch()
        with pytest.raises(FrameError, match="expected a video that OpenCV decodes"):
            next(frames_from(f"{folder}/junk.avi", loop=False))


def test_single_picture(folder):
    assert len(list(frames_from(str(folder / "a.png"), loop=False))) == 1


def test_nothing_is_no_source_nor_is_a_pipe_that_nobody_writes_to(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for source in ("", str(tmp_path / "pipe.png")):
        with pytest.raises(FrameError, match="found no images at source"):
            frames_from(source, loop=False)


def test_video_file_in_rgb(tmp_path):
    file, told = tmp_path / "video.avi", []
    write_video(file, "MJPG")
    frames = list(frames_from(str(file), loop=False, passed_over=told.append))
    _, decoded = next(video_moments(str(file), lambda time_ns: True))
    assert len(frames) == 3 and not told
    for frame in (frames[0], decoded):
        assert frame[0, 0, 0] > 200 and frame[0, 0, 2] < 60
    assert len(list(itertools.islice(frames_from(str(file), loop=True), 7))) == 7


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [((1, 0, 0, 1), (0, 0)), ((0, 1, -1, 0), (0, -1)), ((-1, 0, 0, -1), (-1, -1)),
     ((0, -1, 1, 0), (-1, 0))],
    ids=["upright", "90", "180", "270"],
)  # fmt: skip
def test_a_video_is_turned_as_its_container_tells(tmp_path, matrix, corner):
    """As phones write it. OpenCV 4.6 turns the other way round, and 4.11 not of itself."""
    file = tmp_path / "video.mp4"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 5, (64, 32))
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:16, :32] = RED
    writer.write(picture)
    writer.release()
    content = bytearray(file.read_bytes())
    a, b, c, d = (2**16 * each for each in matrix)
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 2**30)
    file.write_bytes(content)
    _, moment = next(video_moments(str(file), lambda time_ns: True))
    for found in (moment, next(frames_from(str(file), loop=False))):
        assert found.shape[:2] == ((32, 64) if matrix[0] else (64, 32))
        corners = {at: int(found[at][0]) for at in itertools.product((0, -1), repeat=2)}
        assert corners.pop(corner) > 200 and max(corners.values()) < 60


# Two red frames of 32x32 pixels, MPEG-2: ffmpeg -f lavfi -i color=red:s=32x32:r=10:d=0.2
# -c:v mpeg2video -flags +ilme+ildct -bitexact
INTERLACED = bytes.fromhex(
    "000001b302002013ffffe018000001b5148200010024000001b80008004000000100000ffff8000001b58ffff3000000"
    "00010113790a5297ccdfb85a529488800000010213790a5297ccdfb85a52948880000001000057fffb80000001b5811f"
    "f3000000000101126e6c00000102126e6c"
)


def test_of_interlaced_video_nothing_is_made_up(tmp_path, capfd):
    """OpenCV from 4.13 reads it without an error, but gives what lay in the memory."""
    file = tmp_path / "two words.m2v"
    file.write_bytes(INTERLACED)
    open_files = len(os.listdir("/proc/self/fd"))

    def first(read):
        try:
            return read()
        except FrameError as error:
            return str(error)

    for found in (
        first(lambda: next(frames_from(str(file), loop=False))),
        first(lambda: next(video_moments(str(file), lambda time_ns: True))[1]),
    ):
        if isinstance(found, str):
            assert "two words.m2v is interlaced, which OpenCV" in found
            assert found.endswith(f"type: ffmpeg -i '{file}' -vf yadif '{file}.mp4'")
        else:
            assert found[:, :, 0].min() > 200
    assert not capfd.readouterr().err
    assert len(os.listdir("/proc/self/fd")) == open_files
    os.write(2, b"of another")
    assert capfd.readouterr().err == "of another"


def test_a_time_in_the_name_of_a_video_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "2026-11-27T10:30:00.mp4"
    write_video(tmp_path / name, "mp4v")
    assert len(list(frames_from(name, loop=False))) == 3
    assert len(list(video_moments(name, lambda time_ns: True))) == 3


def test_of_a_cut_video_it_is_told_that_more_is_missing(tmp_path):
    file, told = tmp_path / "video.avi", []
    write_video(file, "MJPG")
    content = file.read_bytes()
    file.write_bytes(content[:-10])
    assert list(frames_from(str(file), loop=False, passed_over=told.append))
    (message,) = told
    assert message.startswith(f"{file} was cut: found {len(content) - 10} of ")


def test_what_follows_damage_in_a_video_is_not_lost(tmp_path):
    """As of a bad sector: OpenCV fails at the first damaged frame as it does at the end."""
    file = tmp_path / "damaged.mp4"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 10, (160, 120))
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    for turn in range(40):
        writer.write(np.roll(noise, 3 * turn, 1))
    writer.release()
    content = bytearray(file.read_bytes())
    third, half = len(content) // 3, len(content) // 2
    content[third:half] = bytes(half - third)
    file.write_bytes(content)
    times = [time_ns for time_ns, _ in video_moments(str(file), lambda time_ns: True)]
    assert len(times) > 30 and times[-1] == 3_900_000_000
    assert len(list(frames_from(str(file), loop=False))) == len(times)


def test_the_times_of_files_that_were_put_together_go_on(tmp_path):
    file = tmp_path / "twice.ts"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mpg2"), 25, (32, 32))
    for _ in range(100):
        writer.write(np.full((32, 32, 3), RED, np.uint8))
    writer.release()
    file.write_bytes(2 * file.read_bytes())
    times = [time_ns * 1e-9 for time_ns, _ in video_moments(str(file), lambda time_ns: True)]
    assert len(times) == 200 and times == sorted(times)
    assert times[110:] == pytest.approx([turn / 25 for turn in range(109, 199)], abs=0.1)


def test_frames_without_a_time_of_their_own_do_not_move_the_others():
    clock = _Clock()
    told = [time_ns for turn in range(5, 20) for time_ns in (turn * 10**9, 0, 0)]
    times = [clock.time_ns(time_ns) for time_ns in told]
    assert times[::3] == told[::3]
    assert all(before < after for before, after in itertools.pairwise(times))


def test_what_is_not_there_or_unreadable_is_named(tmp_path):
    with pytest.raises(FrameError, match="found no images at source"):
        frames_from(str(tmp_path / "nowhere"), loop=False)
    with pytest.raises(FrameError, match="found no image"):
        frames_from(str(tmp_path), loop=False)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(
        FrameError, match=r"cannot read a frame .* type: ffmpeg -i .*broken\.mp4 -c"
    ):
        next(frames_from(str(tmp_path / "broken.mp4"), loop=True))


def test_a_video_that_may_not_be_read_is_told_so(tmp_path, monkeypatch):
    """Root may read any file, so the system's answer is played."""
    file, refused = tmp_path / "video.mp4", PermissionError(13, "Permission denied")
    file.write_bytes(b"no video")
    for opener in (os, Path):
        monkeypatch.setattr(opener, "open", Mock(side_effect=refused))
    for frames in (frames_from(str(file), loop=False), video_moments(str(file), lambda _: True)):
        with pytest.raises(FrameError, match=r"cannot read a frame .*\(Permission denied\)"):
            next(frames)


class Webcam:
    """Takes a frame every 33 ms, whose pixels are its number; the driver keeps four unread ones."""

    def __init__(self):
        self.now_s, self.waiting, self.taken = 0.0, deque(), 0

    def monotonic(self):
        return self.now_s

    def pass_time(self, frames):
        self.now_s += frames * 0.033
        free = 4 - len(self.waiting)
        self.waiting += range(self.taken, self.taken + min(frames, free))
        self.taken += frames

    def grab(self):
        if not self.waiting:
            self.pass_time(1)
        self.frame = self.waiting.popleft()
        return True

    def retrieve(self):
        return True, np.full((8, 8, 3), self.frame, np.uint8)

    def get(self, what):
        return 0

    def set(self, what, value):
        pass

    def release(self):
        pass


@pytest.mark.parametrize("pause", [0, 1, 2, 30])
def test_a_webcam_that_is_read_slowly_gives_what_it_sees_now(monkeypatch, pause):
    webcam = Webcam()
    monkeypatch.setattr(cv2, "VideoCapture", lambda source: webcam)
    monkeypatch.setattr("time.monotonic", webcam.monotonic)
    frames = frames_from("0", loop=True)
    for _ in range(5):
        assert next(frames)[0, 0, 0] == webcam.taken - 1
        webcam.pass_time(pause)
    assert pause or webcam.taken == 5  # who keeps up misses none


def test_a_webcam_that_was_pulled_out_is_named(monkeypatch):
    webcam = Webcam()
    monkeypatch.setattr(cv2, "VideoCapture", lambda source: webcam)
    frames = frames_from("0", loop=True)
    next(frames)
    webcam.grab = lambda: False
    with pytest.raises(FrameError, match="0 gives no more frames; expected a webcam"):
        next(frames)


def test_shrink_keeps_the_aspect_ratio():
    frame = np.zeros((300, 600, 3), np.uint8)
    assert shrink(frame, 200).shape == (100, 200, 3)
    assert shrink(frame, 0) is frame and shrink(frame, 600) is frame
    line = np.zeros((1, 600, 3), np.uint8)
    assert shrink(line, 200).shape == (1, 200, 3)
    assert shrink(line.transpose(1, 0, 2), 200).shape == (200, 1, 3)
