"""Netpbm: PBM, PGM and PPM."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.images.formats import opencv

_LONGEST_HEADER = 4096  # bytes, comments included
# Blanks one by one: of runs of runs, a header without a number would be tried in 2**n ways.
_NUMBER = rb"(?:\s|#[^\n]*\n)+(\d+)"
_SIZE = re.compile(rb"P[1-6]" + 2 * _NUMBER)
_BINARY = re.compile(rb"P[56]" + 3 * _NUMBER)


def begins(data: bytes) -> bool:
    """Whether it begins as a Netpbm; PAM is another format."""
    return data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace()


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height."""
    found = _SIZE.match(data[:_LONGEST_HEADER])
    return (int(found[1]), int(found[2])) if found else None


def decoded(data: bytes) -> NDArray[Any]:
    """With white as 255, as OpenCV makes it of those in text alone; of 16 bits as it is."""
    found, binary = opencv.decoded(data), _BINARY.match(data[:_LONGEST_HEADER])
    if found.dtype != np.uint8 or not binary:
        return found
    return np.asarray(cv2.convertScaleAbs(found, alpha=255.0 / int(binary[3])))
