"""What OpenCV decodes, as it is."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def decoded(data: bytes, flags: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any]:
    """Grey ``[height, width]``, BGR or BGRA, of as many bits as it has.

    Raises:
        ValueError, cv2.error: it is no image that this OpenCV reads.
    """
    found = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if found is None:
        raise ValueError("OpenCV does not understand it")
    return found
