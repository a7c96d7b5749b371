"""The types of image messages, and RGB frames as such messages."""

from __future__ import annotations

import array

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from ros2_captioner.errors import FrameError
from ros2_captioner.images.bag import IMAGE_TYPES

IMAGE_CLASSES = dict(zip(IMAGE_TYPES, (Image, CompressedImage), strict=True))
_JPEG_QUALITY = 90
_JPEG_MAX_SIDE = 65_500  # of libjpeg


def raw_message(frame: NDArray[np.uint8], header: Header) -> Image:
    """An rgb8 Image of a uint8 ``[height, width, 3]`` RGB frame."""
    height, width = frame.shape[:2]
    message = Image(header=header, height=height, width=width, encoding="rgb8", step=3 * width)
    # array('B') is what rclpy stores; any other sequence is checked byte by byte (over a second).
    message.data = array.array("B", frame.tobytes())
    return message


def jpeg_message(frame: NDArray[np.uint8], header: Header) -> CompressedImage:
    """A JPEG CompressedImage of a uint8 ``[height, width, 3]`` RGB frame.

    Raises:
        FrameError: with reason ``too_large``: JPEG has no room for such a side.
    """
    height, width = frame.shape[:2]
    if max(height, width) > _JPEG_MAX_SIDE:
        raise FrameError(
            "too_large",
            f"found a frame of {width}x{height}; expected sides of at most {_JPEG_MAX_SIDE} "
            "pixels in a JPEG",
        )
    bgr = np.ascontiguousarray(frame[:, :, ::-1])
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return CompressedImage(header=header, format="jpeg", data=array.array("B", encoded.tobytes()))
