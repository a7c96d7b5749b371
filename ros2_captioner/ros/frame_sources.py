"""Pictures of a folder, frames of a video file or of a webcam, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError
from ros2_captioner.preprocess import read_picture

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def frames_from(source: str, loop: bool) -> Iterator[NDArray[np.uint8]]:
    """Frames of a source, uint8 ``[height, width, 3]`` RGB.

    Args:
        source: a folder of pictures (taken in name order), one picture, a video file, or a webcam
            as its number or ``/dev/video*``.
        loop: begin anew at the end; a webcam has none.

    Raises:
        FrameError: nothing readable is there, at the first frame.
    """
    path = Path(source)
    if source.isdecimal() or source.startswith("/dev/"):
        return _video(source, loop=False)
    if path.is_dir():
        return _pictures(pictures_in(path), loop)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return _pictures([path], loop)
    if path.is_file():
        return _video(source, loop)
    raise FrameError(
        "no_source",
        f"found nothing at {source!r}; expected a folder of pictures, a picture, a video file, or "
        "a webcam such as 0 or /dev/video0",
    )


def pictures_in(folder: Path) -> list[Path]:
    """Picture files of a folder in name order.

    Raises:
        FrameError: it holds none.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise FrameError(
            "no_source", f"found no picture in {folder}; expected {sorted(PICTURE_SUFFIXES)} files"
        )
    return found


def shrink(frame: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """The frame with its longer side at most ``max_side`` pixels; 0 leaves it as it is."""
    height, width = frame.shape[:2]
    scale = max_side / max(height, width)
    if max_side == 0 or scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _pictures(paths: list[Path], loop: bool) -> Iterator[NDArray[np.uint8]]:
    while True:
        for path in paths:
            yield read_picture(str(path))
        if not loop:
            return


def _video(source: str, loop: bool) -> Iterator[NDArray[np.uint8]]:
    while True:
        capture = cv2.VideoCapture(int(source) if source.isdecimal() else source)
        frames = 0
        try:
            while True:
                read, frame = capture.read()
                if not read:
                    break
                frames += 1
                yield np.ascontiguousarray(frame[:, :, ::-1], dtype=np.uint8)
        finally:
            capture.release()
        if frames == 0:
            raise FrameError(
                "no_source",
                f"cannot read a frame from {source}; expected a video that OpenCV decodes, or a "
                "webcam that no other program holds",
            )
        if not loop:
            return
