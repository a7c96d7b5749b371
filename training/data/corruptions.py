"""What a robot's camera does to pictures; for evaluation only."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
_SEED = 0


def _out_of_focus(picture: Picture) -> NDArray[np.generic]:
    return cv2.GaussianBlur(picture, (0, 0), sigmaX=max(0.5, max(picture.shape[:2]) / 160))


def _motion(picture: Picture) -> NDArray[np.generic]:
    length = max(3, max(picture.shape[:2]) // 32)
    return cv2.filter2D(picture, -1, np.full((1, length), 1 / length, np.float32))


def _darkness(picture: Picture) -> NDArray[np.generic]:
    return (255 * (picture / 255) ** 2 * 0.35).astype(np.uint8)


def _noise(picture: Picture) -> NDArray[np.generic]:
    noise = np.random.default_rng(_SEED).normal(0, 25, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _rotation(picture: Picture) -> NDArray[np.generic]:
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 15, 1.0)
    return cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT)


def _jpeg(picture: Picture) -> NDArray[np.generic]:
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 10])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))


CORRUPTIONS: dict[str, Callable[[Picture], NDArray[np.generic]]] = {
    "blur": _out_of_focus,
    "motion": _motion,
    "darkness": _darkness,
    "noise": _noise,
    "rotation": _rotation,
    "jpeg": _jpeg,
}


def corrupt(picture: Picture, name: str) -> Picture:
    """A corrupted copy of a uint8 ``[height, width, 3]`` picture.

    Args:
        picture: any size.
        name: one of `CORRUPTIONS`: out of focus by 1/160 of the longer side; moved by 1/32 of it;
            a third of the light with gamma 2; noise of 25 grey levels; turned by 15 degrees; JPEG
            of quality 10.
    """
    return np.ascontiguousarray(CORRUPTIONS[name](picture), dtype=np.uint8)
