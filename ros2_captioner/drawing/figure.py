"""Images that show a caption and where the model looked for each word."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.captions import Caption, in_percent
from ros2_captioner.drawing.overlay import wrapped

_PANEL = 180  # pixels; at least four attention panels fit a page's width
_COLUMNS = 7
_LINE = 26
_MARGIN = 8
_FONT, _SCALE, _TITLE_SCALE = cv2.FONT_HERSHEY_DUPLEX, 0.5, 0.65
_INK = (40, 40, 40)

Image = NDArray[np.uint8]


def attention_figure(image: Image, caption: Caption) -> Image:
    """The image and, for each word, the image lit where the model looked.

    After the figures of Xu et al. 2015: attention is enlarged smoothly and shown as light on a
    darkened image, scaled to the word's own maximum. The percentage beside a word is the share
    of attention that went to the image; the rest went to the decoder's memory. Below the caption
    stand its confidence and the objects that the model sees, where it tells them.

    Args:
        image: uint8 ``[height, width, 3]`` RGB.
        caption: of this image.

    Returns:
        uint8 ``[height', width', 3]`` RGB, seven panels wide.
    """
    small = _fit(image)
    panels = [_labelled(small, "")]
    for word, grid in zip(caption.words, caption.attention, strict=True):
        panels.append(_labelled(_lit(small, grid), f"{word} {round(100 * float(grid.sum()))}%"))
    blank = np.full_like(panels[0], 255)
    panels += [blank] * (-len(panels) % _COLUMNS)
    rows = [np.hstack(panels[i : i + _COLUMNS]) for i in range(0, len(panels), _COLUMNS)]
    texts = [caption.text, *filter(None, [_confidence_line(caption)])]
    width = rows[0].shape[1]
    lines = [line for text in texts for line in wrapped(text, _TITLE_SCALE, width - _MARGIN)]
    return np.vstack([*(_title(line, width) for line in lines), *rows])


def stacked(figures: Sequence[Image]) -> Image:
    """Figures below each other on white, as wide as the widest."""
    width = max(figure.shape[1] for figure in figures)
    padded = [
        cv2.copyMakeBorder(
            figure, 0, _MARGIN, 0, width - figure.shape[1], cv2.BORDER_CONSTANT, value=(255,) * 3
        )
        for figure in figures
    ]
    return np.asarray(np.vstack(padded), np.uint8)


def _fit(image: Image) -> Image:
    """The image squashed to a panel, which is how the model sees it."""
    panel = cv2.resize(image, (_PANEL, _PANEL), interpolation=cv2.INTER_AREA)
    return np.asarray(panel, np.uint8)


def _lit(panel: Image, grid: NDArray[np.float32]) -> Image:
    smooth = cv2.resize(grid, (_PANEL, _PANEL), interpolation=cv2.INTER_CUBIC)
    light = np.clip(smooth / max(float(smooth.max()), 1e-6), 0, 1)[:, :, None]
    return np.asarray(panel * (0.25 + 0.75 * light), np.uint8)


def _labelled(panel: Image, label: str) -> Image:
    box = np.full((_PANEL + _LINE, _PANEL + _MARGIN, 3), 255, np.uint8)
    box[:_PANEL, :_PANEL] = panel
    cv2.putText(box, label, (2, _PANEL + 18), _FONT, _SCALE, _INK, 1, cv2.LINE_AA)
    return box


def _confidence_line(caption: Caption) -> str:
    """The caption's confidence and the objects that the model sees; empty if it tells neither."""
    seen = ", ".join(f"{word} {in_percent(probability)}" for word, probability in caption.objects)
    sure = "" if caption.confidence is None else f"confidence {in_percent(caption.confidence)}"
    return "; ".join(filter(None, [sure, seen and f"sees {seen}"]))


def _title(text: str, width: int) -> Image:
    box = np.full((_LINE + _MARGIN, width, 3), 255, np.uint8)
    cv2.putText(box, text, (2, 22), _FONT, _TITLE_SCALE, _INK, 1, cv2.LINE_AA)
    return box
