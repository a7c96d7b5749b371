"""Images within a web page, which then needs no other files."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from ros2_captioner.images.decoding import Pixels

_QUALITY = 80  # half the bytes of OpenCV's 95, for a page with hundreds of images


def jpeg_uri(image: Pixels) -> str:
    """A uint8 ``[height, width, 3]`` RGB image as a JPEG in a ``data:`` URI (RFC 2397)."""
    bgr = np.ascontiguousarray(image[:, :, ::-1])
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
