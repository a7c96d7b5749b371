"""Image files to RGB arrays and back."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError, OptionsError
from ros2_captioner.images.decoding import Pixels, decode
from ros2_captioner.output_files import replace_file

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".gif",
     ".pbm", ".pgm", ".ppm", ".pnm"}
)  # fmt: skip
MAX_PIXELS = 256_000_000  # a camera's largest photographs have 200 million
_MAX_BYTES = 4 * MAX_PIXELS


def read_image(path: Path | str) -> Pixels:
    """Decode an image file to uint8 ``[height, width, 3]`` RGB, following its EXIF orientation.

    Raises:
        FrameError: the file is missing or is not an image that can be decoded.
    """
    if not str(path):
        raise FrameError("unreadable_file", "found an empty file name; expected an image file")
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise FrameError("too_large", f"expected a file of at most {_MAX_BYTES} bytes")
        return decode(data, "the file", MAX_PIXELS, rotate=True)
    except OSError as error:
        raise FrameError(
            "unreadable_file", f"cannot read {path}: {error.strerror}; expected an image file"
        ) from error
    except FrameError as error:
        raise FrameError(error.reason, f"{path}: {error}") from error


def check_image_suffix(path: Path | str) -> None:
    """Refuse a file name whose suffix names no format of colours that OpenCV writes.

    Raises:
        OptionsError: names the file.
    """
    try:
        written, _ = _encoded(path, np.zeros((64, 64, 3), np.uint8))
    except cv2.error:
        written = False
    if not written:  # as of .pgm, which is of grey alone
        raise OptionsError(
            f"cannot write an image as {path}; expected a name that ends in .png or .jpg"
        )


def write_image(path: Path | str, image: Pixels) -> None:
    """Write an RGB image in the format of the path's suffix, whole or not at all.

    Raises:
        OSError: the folder is missing, the suffix is unknown, or its format holds no such size.
    """
    try:
        done, encoded = _encoded(path, image)
    except cv2.error as error:
        raise OSError(
            f"cannot write {path} ({error.err}); expected a name that ends in .png or .jpg"
        ) from error
    if not done:
        height, width = image.shape[:2]
        raise OSError(
            f"cannot write {path}: found an image of {width}x{height}, which the format does not "
            "hold; expected fewer pixels, or a name that ends in .png"
        )
    replace_file(Path(path), encoded.tobytes())


def _encoded(path: Path | str, image: Pixels) -> tuple[bool, NDArray[np.uint8]]:
    """Whether OpenCV encoded an RGB image in the format of the path's suffix, and the bytes."""
    # Not by name, and without what is no UTF-8: OpenCV dies of it.
    suffix = Path(path).suffix.encode(errors="replace").decode()
    return cv2.imencode(suffix, np.ascontiguousarray(image[:, :, ::-1]))


def images_in(folder: Path) -> list[Path]:
    """Image files of a folder, hidden ones left out, in the order of their names: 2 before 10.

    Raises:
        FrameError: it holds none.
    """
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and not path.is_fifo()  # which nobody may ever write to
    ]
    if not found:
        raise FrameError(
            "no_source", f"found no image in {folder}; expected {sorted(IMAGE_SUFFIXES)} files"
        )
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorts numbers within a name by their value; the name itself decides between equals."""
    parts = re.split(r"(\d+)", path.name)
    keys = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
    return [*keys, (2, 0, path.name)]
