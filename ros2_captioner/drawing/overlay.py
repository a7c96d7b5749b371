"""An image with its caption written on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_FONT = cv2.FONT_HERSHEY_DUPLEX
_PIXELS_AT_SCALE_1 = 32  # line height
_LINES_PER_IMAGE = 15  # of this height fit an image's shorter side
_SMALLEST_SCALE = 0.4  # below it characters run together
_DARKENING = 0.35


def draw_caption(image: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """Write a text on a dark band at the image's bottom, wrapped to its width.

    Args:
        image: uint8 ``[height, width, 3]`` RGB; it is not changed.
        text: any length; what does not fit the image is cut.

    Returns:
        uint8 of the same shape.
    """
    height, width = image.shape[:2]
    scale = max(_SMALLEST_SCALE, min(height, width) / _LINES_PER_IMAGE / _PIXELS_AT_SCALE_1)
    line = round(_PIXELS_AT_SCALE_1 * scale)
    margin = line // 3
    lines = _wrapped(text, scale, width - 2 * margin)[: max(1, (height - 2 * margin) // line)]
    drawn: NDArray[np.uint8] = image.copy()
    band = drawn[max(0, height - len(lines) * line - 2 * margin) :]
    band[:] = (band * _DARKENING).astype(np.uint8)
    for row, words in enumerate(lines):
        baseline = height - margin - line * (len(lines) - row - 1) - line // 4
        thickness = max(1, round(scale))
        cv2.putText(
            drawn, words, (margin, baseline), _FONT, scale, (255,) * 3, thickness, cv2.LINE_AA
        )
    return drawn


def _wrapped(text: str, scale: float, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and cv2.getTextSize(longer, _FONT, scale, 1)[0][0] > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
