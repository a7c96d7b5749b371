"""Which picture files cannot be used, and which show the same picture."""

from __future__ import annotations

import os
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

_HASH_SIDE = 16
_SAME_BITS = 12  # of 256: what another JPEG quality or size changes, no more


@dataclass(frozen=True)
class Inspected:
    """One picture file.

    Attributes:
        fault: why it cannot be used; empty if it can.
        size: width and height in pixels; zeros with a fault.
        digest: uint64 ``[4]``, its difference hash; zeros with a fault.
    """

    fault: str
    size: tuple[int, int]
    digest: NDArray[np.uint64]


def inspect(files: Sequence[Path], min_side: int) -> list[Inspected]:
    """Decode every file.

    Args:
        files: of pictures.
        min_side: a picture with a shorter side, in pixels, is at fault.
    """
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = threads.map(lambda file: _inspected(file, min_side), files)
        return list(tqdm(found, "looking at pictures", len(files), mininterval=1))


def _inspected(file: Path, min_side: int) -> Inspected:
    unusable = (0, 0), np.zeros(4, np.uint64)
    if not file.is_file():
        return Inspected("not there", *unusable)
    try:
        picture = read_image(str(file))
    except FrameError as error:
        return Inspected(str(error), *unusable)
    height, width = picture.shape[:2]
    if min(width, height) < min_side:
        return Inspected(f"only {width}x{height} pixels", *unusable)
    return Inspected("", (width, height), difference_hash(picture))


def difference_hash(picture: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Whether each cell of a coarse grey version is brighter than its left neighbour.

    Args:
        picture: uint8 ``[height, width, 3]`` RGB.

    Returns:
        uint64 ``[4]``, 256 bits that survive another size or compression.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).view(np.uint64)


def same_pictures(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Pairs of places, in hashes ``[N, 4]`` and ``[M, 4]``, that show the same picture."""
    pairs = []
    for place, digest in enumerate(one):
        bits = np.bitwise_count(other ^ digest).sum(axis=1)
        pairs += [(place, int(match)) for match in np.flatnonzero(bits <= _SAME_BITS)]
    return pairs
