"""Images within a web page, which then needs no other files."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from ros2_captioner.images.decoding import Pixels


def jpeg_uri(image: Pixels) -> str:
    """A uint8 ``[height, width, 3]`` RGB image as a JPEG in a ``data:`` URI (RFC 2397)."""
    jpeg = cv2.imencode(".jpg", np.ascontiguousarray(image[:, :, ::-1]))[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
