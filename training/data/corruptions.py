"""What a robot's camera does to images; for evaluation only."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
_SEED = 0


def _out_of_focus(image: Image) -> NDArray[np.generic]:
    return cv2.GaussianBlur(image, (0, 0), sigmaX=max(0.5, max(image.shape[:2]) / 160))


def _motion(image: Image) -> NDArray[np.generic]:
    length = max(3, max(image.shape[:2]) // 32)
    return cv2.filter2D(image, -1, np.full((1, length), 1 / length, np.float32))


def _darkness(image: Image) -> NDArray[np.generic]:
    return (255 * (image / 255) ** 2 * 0.35).astype(np.uint8)


def _noise(image: Image) -> NDArray[np.generic]:
    noise = np.random.default_rng(_SEED).normal(0, 25, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _rotation(image: Image) -> NDArray[np.generic]:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 15, 1.0)
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REFLECT)


def _jpeg(image: Image) -> NDArray[np.generic]:
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 10])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))


CORRUPTIONS: dict[str, Callable[[Image], NDArray[np.generic]]] = {
    "blur": _out_of_focus,
    "motion": _motion,
    "darkness": _darkness,
    "noise": _noise,
    "rotation": _rotation,
    "jpeg": _jpeg,
}


def corrupt(image: Image, name: str) -> Image:
    """A corrupted copy of a uint8 ``[height, width, 3]`` image.

    Args:
        image: any size.
        name: one of `CORRUPTIONS`: out of focus by 1/160 of the longer side; moved by 1/32 of it;
            a third of the light with gamma 2; noise of 25 grey levels; turned by 15 degrees; JPEG
            of quality 10.
    """
    return np.ascontiguousarray(CORRUPTIONS[name](image), dtype=np.uint8)
