"""Random changes of training images that leave their captions true."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2

from ros2_captioner.vocabulary import tokenize
from training.config.settings import OptimConfig

Image = NDArray[np.uint8]
_SIDES = {"left", "right"}


class Augmentation:
    """Crops, mirrors and colours, each as far as the settings ask for it.

    Args:
        optim: its ``crop_area``, ``mirror`` and ``jitter``.
    """

    def __init__(self, optim: OptimConfig) -> None:
        self._crop_area, self._mirror = optim.crop_area, optim.mirror
        jitter = optim.jitter
        self._colours = (
            v2.ColorJitter(brightness=jitter, contrast=jitter, saturation=jitter)
            if jitter
            else None
        )

    def __call__(self, image: Image, captions: Sequence[str]) -> Image:
        """Another version of an image ``[h, w, 3]`` that its captions describe as well."""
        if self._crop_area < 1:
            image = random_crop(image, self._crop_area)
        if self._mirror and not mention_sides(captions) and torch.rand(()) < 0.5:
            image = image[:, ::-1]
        if self._colours is not None:
            channels_first = torch.from_numpy(image.transpose(2, 0, 1).copy())
            image = self._colours(channels_first).numpy().transpose(1, 2, 0)
        return image


def mention_sides(captions: Sequence[str]) -> bool:
    """Whether a caption speaks of left or right, which a mirror would make false."""
    words = (word for text in captions for word in tokenize(text))
    return any(not _SIDES.isdisjoint(word.split("-")) for word in words)  # "left-hand" too


def random_crop(image: Image, smallest_area: float) -> Image:
    """A part of an image ``[h, w, 3]`` that keeps at least ``smallest_area`` of it, 0-1.

    The sides are drawn apart, so the crop, squashed afterwards, also varies the aspect ratio.
    """
    smallest_side = math.sqrt(smallest_area)
    height, width = (
        max(1, round(side * (smallest_side + (1 - smallest_side) * float(torch.rand(())))))
        for side in image.shape[:2]
    )
    top = int(torch.randint(image.shape[0] - height + 1, ()))
    left = int(torch.randint(image.shape[1] - width + 1, ()))
    return image[top : top + height, left : left + width]
