"""Images of a folder, frames of a video file or of a webcam, one after another."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError
from ros2_captioner.images.containers import cut_short
from ros2_captioner.images.files import IMAGE_SUFFIXES, images_in, read_image
from ros2_captioner.images.interlaced import refuse_interlaced

_AT_ONCE_S = 0.003  # a webcam's next frame takes longer, one that waits in its driver does not
_MOST_WAITING = 10  # of OpenCV's buffers
_ANEW_NS, _ANEW_FRAMES = 10**9, 10  # so far behind, for so long: the times begin anew
_TURNS_WRONG = cv2.__version__.startswith("4.6.")  # that of Ubuntu 24.04; OpenCV's issue 22088
_MOST_DAMAGED = 100  # frames in a row of a file; at its end so many tries take no time

Grab = Callable[[cv2.VideoCapture], bool]


def frames_from(
    source: str, loop: bool, passed_over: Callable[[str], None] = lambda message: None
) -> Iterator[NDArray[np.uint8]]:
    """Frames of a source, uint8 ``[height, width, 3]`` RGB.

    Args:
        source: a folder of images (taken in name order), one image, a video file, or a webcam
            as its number or ``/dev/video*``.
        loop: start again at the end; a webcam has none.
        passed_over: told at each turn why an image of a folder cannot be read, or how much of a
            video is missing.

    Raises:
        FrameError: nothing readable is there, of a folder only when no image is; or a video is
            interlaced, see `refuse_interlaced`.
    """
    source = os.path.expanduser(source)
    path = Path(source)
    if source.isdecimal():
        return _webcam(source)
    if source and path.is_dir():
        return _images(images_in(path), loop, passed_over)
    if path.suffix.lower() in IMAGE_SUFFIXES and not path.is_fifo():  # nobody may ever write to it
        return _images([path], loop, passed_over)
    if path.is_file():
        refuse_interlaced(source, _opened)
        return _video(source, loop, passed_over)
    if source.startswith("/dev/"):  # but /dev/shm, which holds files
        return _webcam(source)
    raise FrameError(
        "no_source",
        f"found no images at source {source!r}; expected a folder of images, an image, a video "
        "file, or a webcam such as 0 or /dev/video0",
    )


def video_moments(
    source: str, due: Callable[[int], bool]
) -> Iterator[tuple[int, NDArray[np.uint8] | None]]:
    """Every frame of a video file with its time from the start in nanoseconds.

    Args:
        source: the file.
        due: told a time; a frame that is not due is not decoded and comes as None, the others as
            uint8 ``[height, width, 3]`` RGB.

    Raises:
        FrameError: the file has no frame that can be read, or is interlaced.
    """
    if os.path.isfile(source):  # what is read of a pipe does not come again
        refuse_interlaced(source, _opened)
    capture = _opened(source)
    clock = _Clock()
    try:
        while _grab_past_damage(capture):
            time_ns = clock.time_ns(round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6))
            _, frame = capture.retrieve() if due(time_ns) else (False, None)
            yield time_ns, None if frame is None else _upright(capture, frame)
    finally:
        capture.release()
    if not clock.read:
        raise _no_frame(source)


class _Clock:
    """Times that only rise, of frames whose own begin anew where files were put together.

    A frame without a time is told one far behind too, but it is alone.

    Attributes:
        read: whether there was any frame.
    """

    def __init__(self) -> None:
        self.read = False
        self._last_ns = -1
        self._shift_ns = self._next_shift_ns = 0
        self._behind = 0  # frames one after another

    def time_ns(self, told_ns: int) -> int:
        """When a frame shows that is told another time, both in nanoseconds."""
        self.read = True
        found_ns = told_ns + self._shift_ns
        if found_ns > self._last_ns - _ANEW_NS:
            self._behind = 0
        else:
            if self._behind == 0:
                self._next_shift_ns = self._last_ns - told_ns
            self._behind += 1
        if self._behind == _ANEW_FRAMES:
            self._behind, self._shift_ns = 0, self._next_shift_ns
            found_ns = told_ns + self._shift_ns
        self._last_ns = max(self._last_ns + 1, found_ns)
        return self._last_ns


def shrink(frame: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """The frame with its longer side at most ``max_side`` pixels; 0 leaves it as it is."""
    height, width = frame.shape[:2]
    scale = max_side / max(height, width)
    if max_side == 0 or scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _images(
    paths: Sequence[Path], loop: bool, passed_over: Callable[[str], None]
) -> Iterator[NDArray[np.uint8]]:
    while True:
        faults = []
        for path in paths:
            try:
                image = read_image(path)
            except FrameError as error:
                faults.append(error)
                passed_over(str(error))
            else:
                yield image
        if len(faults) == len(paths):
            raise faults[0]
        if not loop:
            return


def _grab_past_damage(video: cv2.VideoCapture) -> bool:
    """Grab the next frame of a file: OpenCV fails at a damaged one as at the end, but goes on.

    Before the first frame it fails for good, as where it lacks the codec.
    """
    tries = _MOST_DAMAGED if video.get(cv2.CAP_PROP_POS_FRAMES) > 0 else 1
    return any(video.grab() for _ in range(tries))


def _video(
    source: str,
    loop: bool,
    passed_over: Callable[[str], None],
    grab: Grab = _grab_past_damage,
) -> Iterator[NDArray[np.uint8]]:
    while True:
        capture = _opened(source)
        frames = 0
        try:
            while grab(capture):
                read, frame = capture.retrieve()
                if not read:
                    break
                frames += 1
                yield _upright(capture, frame)
        finally:
            capture.release()
        if frames == 0:
            raise _no_frame(source)
        if cut := cut_short(source):
            passed_over(cut)
        if not loop:
            return


def _upright(capture: cv2.VideoCapture, frame: NDArray[Any]) -> NDArray[np.uint8]:
    """A frame in RGB, the right way up: OpenCV 4.6 turns the upright video of a phone head down."""
    rgb = frame[:, :, ::-1]
    if _TURNS_WRONG and capture.get(cv2.CAP_PROP_ORIENTATION_META) in (90, 270):
        rgb = rgb[::-1, ::-1]
    return np.ascontiguousarray(rgb, dtype=np.uint8)


def _webcam(source: str) -> Iterator[NDArray[np.uint8]]:
    yield from _video(source, loop=False, passed_over=lambda message: None, grab=_grab_next)
    raise FrameError(
        "no_source", f"{source} gives no more frames; expected a webcam that stays plugged in"
    )


def _grab_next(webcam: cv2.VideoCapture) -> bool:
    """Grab the frame that comes next: those that wait in the driver are as old as the last call."""
    for _ in range(_MOST_WAITING):
        begun_s = time.monotonic()
        if not webcam.grab():
            return False
        if time.monotonic() - begun_s > _AT_ONCE_S:
            break
    return True


def _no_frame(source: str) -> FrameError:
    """Why not a frame was read: OpenCV is silent, but the system or the container may tell."""
    device = f"/dev/video{source}" if source.isdecimal() else source
    if cut := cut_short(device):  # as an MP4 whose index was at its end
        return FrameError("no_source", f"{cut}, as no frame can be read from what is left")
    why = " (a folder)" if os.path.isdir(device) else ""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_NONBLOCK))  # a pipe may have no writer
    except OSError as error:
        why = f" ({'' if device == source else f'{device}: '}{error.strerror})"
    webcam = device.startswith("/dev/") and not os.path.isfile(device)
    expected = "webcam that no other program holds" if webcam else "video that OpenCV decodes"
    if not webcam and not why:
        file, copy = shlex.quote(source), shlex.quote(f"{source}.mp4")
        expected += f". Of another codec, as AV1, type: ffmpeg -i {file} -c:v libx264 {copy}"
    return FrameError("no_source", f"cannot read a frame from {source}{why}; expected a {expected}")


def _opened(source: str) -> cv2.VideoCapture:
    try:
        source.encode()  # OpenCV dies of a name that is not UTF-8
        # Of a relative path with a colon, FFmpeg would take what is before it for a protocol.
        capture = cv2.VideoCapture(int(source) if source.isdecimal() else os.path.abspath(source))
    except (UnicodeEncodeError, OverflowError, cv2.error) as error:
        raise FrameError(
            "no_source",
            f"cannot open {source!r} ({error}); expected a webcam such as 0, or a "
            "video whose name is UTF-8",
        ) from error
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # which OpenCV 4.11 does not by default
    return capture
