"""Interlaced video, of which OpenCV from 4.13 gives what lay in the memory, and no error.

FFmpeg refuses to convert such a frame and says so in a line on the standard error, nowhere else.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import cv2

from ros2_captioner.errors import FrameError

_SAID = b"Cannot convert interlaced"


def refuse_interlaced(source: str, opened: Callable[[str], cv2.VideoCapture]) -> None:
    """Look at the first frame of a video.

    Args:
        source: a file, as what is read of a pipe does not come again.
        opened: opens it.

    Raises:
        FrameError: it is interlaced, and this OpenCV cannot convert it; also what `opened` raises.
    """
    with _standard_error() as said:
        capture = opened(source)
        capture.read()
        capture.release()
        said.seek(0)
        interlaced = _SAID in said.read()
    if interlaced:
        raise FrameError(
            "no_source",
            f"{source} is interlaced, which OpenCV {cv2.__version__} cannot convert; expected "
            f"progressive video, type: ffmpeg -i {shlex.quote(source)} -vf yadif "
            + shlex.quote(f"{source}.mp4"),
        )


@contextmanager
def _standard_error() -> Iterator[IO[bytes]]:
    """Takes what the process writes there meanwhile, its C libraries included."""
    with open(os.memfd_create("stderr"), "r+b") as taken:
        kept = os.dup(2)
        os.dup2(taken.fileno(), 2)
        try:
            yield taken
        finally:
            os.dup2(kept, 2)
            os.close(kept)
