"""Which image files cannot be used, and which show the same image."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ros2_captioner.errors import FrameError
from ros2_captioner.images.files import read_image
from ros2_captioner.processors import own_processors

_SIDE = 16  # of the small versions that are compared
# Grey levels that another JPEG quality or size changes, no more: root of the mean square over a
# small version, and of its furthest cell.
_SAME_MEAN, _SAME_CELL = 8.0, 40
# Largest mean square difference, as a share of the small version's own variance; images without
# contrast may differ by the second number, in squared grey levels. So faint images are not taken
# for one another because all their differences are small.
_SAME_SHARE, _SAME_FLAT = 0.2, 3.0
_AT_ONCE = 1024


@dataclass(frozen=True)
class Inspected:
    """One image file.

    Attributes:
        fault: why it cannot be used; empty if it can.
        size: width and height in pixels; zeros with a fault.
        small: uint8 ``[768]``, see `small_version`; zeros with a fault.
    """

    fault: str
    size: tuple[int, int]
    small: NDArray[np.uint8]


def inspect(files: Sequence[Path], min_side: int) -> list[Inspected]:
    """Decode every file.

    Args:
        files: of images.
        min_side: an image with a shorter side, in pixels, is at fault.
    """
    with ThreadPoolExecutor(own_processors()) as threads:
        found = threads.map(lambda file: _inspected(file, min_side), files)
        return list(tqdm(found, "looking at images", len(files), mininterval=1))


def _inspected(file: Path, min_side: int) -> Inspected:
    unusable = (0, 0), np.zeros(3 * _SIDE**2, np.uint8)
    if not file.is_file():
        return Inspected("not there", *unusable)
    try:
        image = read_image(file)
    except FrameError as error:
        return Inspected(str(error), *unusable)
    height, width = image.shape[:2]
    if min(width, height) < min_side:
        return Inspected(f"only {width}x{height} pixels", *unusable)
    return Inspected("", (width, height), small_version(image))


def small_version(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean colours of a coarse grid over an image, which survive another size or compression.

    Args:
        image: uint8 ``[height, width, 3]`` RGB.

    Returns:
        uint8 ``[768]``, 16 x 16 cells.
    """
    cells = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.uint8).ravel()


def same_images(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Pairs of places, in small versions ``[N, 768]`` and ``[M, 768]``, that show the same.

    Colours and not a hash of their order: most of an image of an object on white is flat, and
    there the order is noise.
    """
    pairs = []
    squares = np.square(other, dtype=np.float32).sum(axis=1)
    limit = _SAME_MEAN**2 * one.shape[1]
    for first in range(0, len(one), _AT_ONCE):
        block = one[first : first + _AT_ONCE].astype(np.float32)
        for start in range(0, len(other), _AT_ONCE):
            rest = other[start : start + _AT_ONCE]
            distances = (
                np.square(block).sum(axis=1)[:, None]
                + squares[start : start + _AT_ONCE]
                - 2 * block @ rest.astype(np.float32).T
            )
            for row, column in np.argwhere(distances <= limit):
                if _alike(block[row], rest[column]):
                    pairs.append((first + int(row), start + int(column)))
    return pairs


def _alike(one: NDArray[np.float32], other: NDArray[np.uint8]) -> bool:
    """Whether two small versions, close on average, have no cell and no faint shape apart."""
    apart = one - other
    contrast = one.reshape(-1, 3).var(axis=0).mean()
    faint = np.square(apart).mean() <= max(_SAME_FLAT, _SAME_SHARE * contrast)
    return bool(faint and np.abs(apart).max() <= _SAME_CELL)
