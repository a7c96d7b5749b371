"""TIFF: its size, and colours that were multiplied with their alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError
from ros2_captioner.images.formats import opencv
from ros2_captioner.images.formats.tiff_directory import Tag, single_values

_APART = 2
# The kinds of alpha, by dtype, with which the colours are multiplied: libtiff does it of 8 bits.
_MULTIPLIED = {"u1": (1, 2), "u2": (1,)}


def size(data: bytes) -> tuple[int, int]:
    """Width and height, or those of a tile where it is larger: a decoder needs room for one."""
    tags = single_values(data)
    return (
        max(tags.get(Tag.WIDTH, 0), tags.get(Tag.TILE_WIDTH, 0)),
        max(tags.get(Tag.HEIGHT, 0), tags.get(Tag.TILE_HEIGHT, 0)),
    )


def decoded(data: bytes) -> NDArray[Any]:
    """Colours that were multiplied with their alpha, by libtiff or before, are put on white here.

    Raises:
        FrameError: of more than 8 bits OpenCV garbles channels that lie apart.
    """
    found, tags = opencv.decoded(data), single_values(data)
    if found.ndim == 2:
        return found
    if found.dtype != np.uint8 and tags.get(Tag.PLANES) == _APART:
        raise FrameError(
            "undecodable",
            "found a TIFF of more than 8 bits whose channels lie apart, which OpenCV garbles; "
            "expected them side by side, as ImageMagick puts them, type: convert FILE FILE.png",
        )
    multiplied = _MULTIPLIED.get(found.dtype.str[1:], ())
    colours, alpha = found[:, :, :3], found[:, :, 3:]
    if tags.get(Tag.EXTRA_SAMPLES) not in multiplied or not alpha.any():
        return found
    return np.asarray(np.minimum(colours, alpha) + (np.iinfo(found.dtype).max - alpha))
