"""Decides which frames show something new, so that a still scene costs no inference."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 32
_STILL_SHARE = 0.5  # of the threshold: below it from frame to frame, motion has ended


class SceneGate:
    """The gate of one camera, with hysteresis.

    A still scene opens it when a frame differs from the last captioned one by more than the
    threshold. It then stays open until successive frames differ by less than half of it and the
    last of them equals what was captioned, so that slow motion does not make it flicker. A frame
    that passed but got no caption, because the model failed, leaves it open.
    """

    def __init__(self) -> None:
        self._captioned: NDArray[np.float32] | None = None
        self._previous: NDArray[np.float32] | None = None
        self._moving = False
        self._captioned_s = 0.0

    def passes(
        self, frame: NDArray[np.uint8], threshold: float, max_silence_s: float, now_s: float
    ) -> bool:
        """Whether a frame is to be captioned.

        Args:
            frame: uint8 ``[height, width, 3]`` RGB.
            threshold: mean absolute difference of brightness, 0-1; 0 lets everything pass.
            max_silence_s: a frame passes after this long, changed or not; 0 means never.
            now_s: any steady clock.
        """
        if threshold <= 0:
            self._captioned = self._previous = None
            return True
        seen = thumbnail(frame)
        captioned, previous, self._previous = self._captioned, self._previous, seen
        if captioned is None or previous is None:
            self._moving = True
        else:
            still_moving = self._moving and apart(seen, previous) > _STILL_SHARE * threshold
            self._moving = still_moving or apart(seen, captioned) > threshold
        overdue = 0 < max_silence_s <= now_s - self._captioned_s
        return self._moving or overdue

    def captioned(self, now_s: float) -> None:
        """The frame shown last has its caption, and later ones are compared with it."""
        self._captioned, self._captioned_s = self._previous, now_s


def thumbnail(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness, 0 to 1, of a uint8 ``[height, width, 3]`` frame in a coarse grid."""
    small = cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small.mean(axis=2) / 255, np.float32)


def apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean absolute difference of two thumbnails."""
    return float(np.abs(one - other).mean())
