"""An image with its caption written on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

_FONT = cv2.FONT_HERSHEY_DUPLEX
_PIXELS_AT_SCALE_1 = 32  # line height
_LINES_PER_IMAGE = 15  # of this height fit an image's shorter side
_SMALLEST_SCALE = 0.4  # below it characters run together
_DARKENING = 0.35
_ELLIPSIS = " ..."  # OpenCV 4 draws ASCII alone


def draw_caption(image: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """Write a text on a dark band at the image's bottom, wrapped to its width.

    Args:
        image: uint8 ``[height, width, 3]`` RGB; it is not changed.
        text: any length; what does not fit the image is cut, with an ellipsis in its place.

    Returns:
        uint8 of the same shape.
    """
    height, width = image.shape[:2]
    scale = max(_SMALLEST_SCALE, min(height, width) / _LINES_PER_IMAGE / _PIXELS_AT_SCALE_1)
    line = round(_PIXELS_AT_SCALE_1 * scale)
    margin = line // 3
    most = max(1, (height - 2 * margin) // line)
    lines = wrapped(text, scale, width - 2 * margin, most)
    drawn: NDArray[np.uint8] = image.copy()
    band = drawn[max(0, height - len(lines) * line - 2 * margin) :]
    band[:] = (band * _DARKENING).astype(np.uint8)
    for row, words in enumerate(lines):
        baseline = height - margin - line * (len(lines) - row - 1) - line // 4
        place, white, thickness = (margin, baseline), (255,) * 3, _thickness(scale)
        cv2.putText(drawn, words, place, _FONT, scale, white, thickness, cv2.LINE_AA)
    return drawn


def wrapped(text: str, scale: float, width: int, most: int = sys.maxsize) -> list[str]:
    """A text in lines.

    Args:
        text: any length.
        scale: of the characters.
        width: of a line, in pixels; a word that is wider goes on in the next one, as a sentence of
            a script without spaces does.
        most: lines; text that does not fit them is cut, with an ellipsis in its place.
    """
    lines = [""]
    for word in _parts(text, scale, width):
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or _fits(longer, scale, width):
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = _cut(lines[-1], scale, width)
            break
    return lines


def _parts(text: str, scale: float, width: int) -> Iterator[str]:
    """The words, and of those that are wider than a line as much as fits one."""
    for word in text.split():
        left = word
        while len(left) > 1 and not _fits(left, scale, width):
            lengths = range(1, len(left))
            fits = max((n for n in lengths if _fits(left[:n], scale, width)), default=1)
            yield left[:fits]
            left = left[fits:]
        yield left


def _cut(line: str, scale: float, width: int) -> str:
    """A line that goes on, which must not read as the end of the sentence."""
    while line and not _fits(line + _ELLIPSIS, scale, width):
        line = line.rpartition(" ")[0] or line[:-1]
    return line + _ELLIPSIS


def _fits(line: str, scale: float, width: int) -> bool:
    # OpenCV 5 draws thicker characters wider.
    return bool(cv2.getTextSize(line, _FONT, scale, _thickness(scale))[0][0] <= width)


def _thickness(scale: float) -> int:
    return max(1, round(scale))
