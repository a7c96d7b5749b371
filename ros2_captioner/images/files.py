"""Image files to RGB arrays and back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ros2_captioner.errors import FrameError
from ros2_captioner.images.decoding import Pixels, decode

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
MAX_PIXELS = 256_000_000  # a camera's largest photographs have 200 million


def read_image(path: Path | str) -> Pixels:
    """Decode an image file to uint8 ``[height, width, 3]`` RGB, following its EXIF orientation.

    Raises:
        FrameError: the file is missing or is not an image that OpenCV decodes.
    """
    try:
        return decode(Path(path).read_bytes(), "the file", MAX_PIXELS, rotate=True)
    except OSError as error:
        raise FrameError(
            "unreadable_file", f"cannot read {path}: {error.strerror}; expected an image file"
        ) from error
    except FrameError as error:
        raise FrameError(error.reason, f"{path}: {error}") from error


def write_image(path: Path | str, image: Pixels) -> None:
    """Write an RGB image in the format of the path's suffix.

    Raises:
        OSError: the folder is missing or the suffix is unknown.
    """
    try:
        written = cv2.imwrite(str(path), np.ascontiguousarray(image[:, :, ::-1]))
    except cv2.error:
        written = False
    if not written:
        raise OSError(f"cannot write {path}; expected an existing folder and .png or .jpg")


def images_in(folder: Path) -> list[Path]:
    """Image files of a folder in name order.

    Raises:
        FrameError: it holds none.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise FrameError(
            "no_source", f"found no image in {folder}; expected {sorted(IMAGE_SUFFIXES)} files"
        )
    return found
