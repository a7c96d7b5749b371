"""Compressed bytes to RGB, from a message or from a file alike."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError
from ros2_captioner.images.encodings import rgb_of_decoded
from ros2_captioner.images.headers import (
    FORMATS,
    bmp_is_whole,
    format_named,
    is_jpeg,
    netpbm_white,
    orientation,
    other_format,
    png_is_whole,
    scan_places,
    stated_size,
)
from ros2_captioner.images.tiff import tiff_is_whole
from ros2_captioner.images.tiff_directory import Tag, single_values

try:
    import simplejpeg
except ImportError:  # comes with pip, not with apt
    simplejpeg = None

Pixels = NDArray[np.uint8]
_JPEG_END = b"\xff\xd9"
_MOST_SCANS = 100  # of a JPEG; a progressive one has about ten, and a thousand fit some kilobytes
# Formats whose structure is checked first: libpng, and OpenCV of BMP, print lines of their own, and
# OpenCV takes a damaged TIFF for whole.
_WHOLE = {"PNG": png_is_whole, "BMP": bmp_is_whole, "TIFF": tiff_is_whole}
# What a JPEG is decoded to, by the name that simplejpeg gives its colours.
_JPEG_SPACES = {"Gray": "GRAY", "RGB": "BGR", "YCbCr": "BGR", "CMYK": "CMYK", "YCCK": "CMYK"}
# What libjpeg says of a JPEG whose picture is whole all the same.
_HARMLESS = ("extraneous bytes before marker", "JFIF revision", "SOS parameters")
# What it says of a kind that it lacks. It says "Unsupported" of markers among the pixels too, which
# only damage puts there.
_LACKING = ("data precision", "color conversion", "not implemented")
_BMP_OLDEST, _BMP_RUNS = 12, 1  # bytes of its header; 8 bits as runs
_TIFF_APART = 2
# The kinds of alpha, by dtype, with which the colours are multiplied: libtiff does it of 8 bits.
_TIFF_MULTIPLIED = {"u1": (1, 2), "u2": (1,)}
# EXIF orientation: whether rows and columns are exchanged, then which of them are reversed.
_TURNS = {
    2: (False, (1,)), 3: (False, (0, 1)), 4: (False, (0,)), 5: (True, ()), 6: (True, (1,)),
    7: (True, (0, 1)), 8: (True, (0,)),
}  # fmt: skip


def decode(
    data: bytes,
    what: str,
    max_pixels: int,
    as_rgb: Callable[[NDArray[Any]], Pixels] = rgb_of_decoded,
    *,
    rotate: bool = False,
) -> Pixels:
    """Decode an image of one of `ros2_captioner.images.headers.FORMATS`.

    Args:
        data: the whole file or message; what follows the end of a JPEG is left alone.
        what: names the data in error messages.
        max_pixels: larger images are refused before they are decoded.
        as_rgb: makes RGB of what is decoded, where a message tells more of it than its channels.
        rotate: follow the EXIF orientation.

    Returns:
        uint8 ``[height, width, 3]`` RGB; what is transparent lies on white.

    Raises:
        FrameError: with reason ``empty``, ``truncated``, ``bad_size``, ``too_large``,
            ``no_depth`` or ``undecodable``.
    """
    if not data:
        raise FrameError("empty", f"found no data in {what}; expected a JPEG or PNG")
    if is_jpeg(data):
        _check_scans(data)
    size = stated_size(data)
    if size is None:
        if other := other_format(data):
            raise FrameError(
                "undecodable",
                f"found {other} in {what}; expected {', '.join(FORMATS[:-1])} or {FORMATS[-1]}. Of "
                "a file, type: magick FILE FILE.jpg",
            )
        raise FrameError(
            "undecodable",
            f"{what} of {len(data)} bytes begins with {data[:8]!r}; expected a whole file of "
            f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}",
        )
    check_size(*size, max_pixels)
    kind = format_named(data)
    if kind in _WHOLE and not _WHOLE[kind](data):
        raise FrameError(
            "truncated",
            f"{what} of {len(data)} bytes is a cut or damaged {kind}; expected a whole one",
        )
    try:
        picture = as_rgb(_DECODERS.get(kind, _decoded)(data))
    except (cv2.error, MemoryError, ValueError) as error:
        said = error.err if isinstance(error, cv2.error) else error
        raise FrameError(
            "undecodable",
            f"cannot decode the {len(data)} bytes of {what} ({said}); expected a whole file",
        ) from error
    check_size(picture.shape[1], picture.shape[0], max_pixels)
    return _turned(picture, orientation(data)) if rotate else picture


def _decoded(data: bytes, flags: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any]:
    found = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if found is None:
        _check_codec(format_named(data))
        raise ValueError("OpenCV does not understand it")
    return found


def _check_codec(kind: str) -> None:
    """Refuse a format that OpenCV was built without, as GIF in all before 4.12."""
    # Formats are told apart by the writer's suffix: OpenCV answers for readers only of files.
    if not cv2.haveImageWriter(".ppm" if kind == "Netpbm" else f".{kind.lower()}"):
        raise FrameError(
            "undecodable",
            f"found a {kind}, which OpenCV {cv2.__version__} was built without; expected JPEG or "
            "PNG, or in an environment of its own an OpenCV that reads it: "
            "pip install 'opencv-python-headless>=4.12'",
        )


def _check_scans(data: bytes) -> None:
    scans = scan_places(data)
    if data.find(_JPEG_END, scans[0] if scans else 0) < 0:
        raise FrameError(
            "truncated",
            f"found a JPEG of {len(data)} bytes without an end marker; expected a whole one",
        )
    if len(scans) > _MOST_SCANS:
        raise FrameError(
            "too_large",
            f"found a JPEG of {len(scans)} scans, each of which takes as long as a picture; "
            f"expected at most {_MOST_SCANS}",
        )


def _decoded_jpeg(data: bytes) -> NDArray[Any]:
    """Grey ``[height, width]`` or BGR; a picture that ends early is refused.

    libjpeg paints what is missing grey and calls that a warning, which OpenCV does not hand on.

    Raises:
        FrameError: with reason ``truncated``, or ``undecodable`` for rare kinds of JPEG.
        ValueError: it is no JPEG.
    """
    if simplejpeg is None:
        return _decoded(data)
    space = _JPEG_SPACES.get(simplejpeg.decode_jpeg_header(data)[2], "CMYK")
    try:
        found = simplejpeg.decode_jpeg(data, space, strict=True)
    except ValueError as error:
        if any(words in str(error) for words in _LACKING):
            raise FrameError(
                "undecodable",
                f"found a JPEG of a kind that libjpeg does not decode ({error}); expected 8 bits a "
                "sample, baseline or progressive",
            ) from error
        if not any(words in str(error) for words in _HARMLESS):
            raise FrameError(
                "truncated",
                f"found a JPEG of {len(data)} bytes that is cut or damaged ({error}); expected a "
                "whole one",
            ) from error
        found = simplejpeg.decode_jpeg(data, space, strict=False)
    if space == "CMYK":  # what colours inks make, OpenCV knows
        return _decoded(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(found[:, :, 0] if space == "GRAY" else found)


def _decoded_bmp(data: bytes) -> NDArray[Any]:
    """Of the oldest kind OpenCV would make grey, and it garbles rows that have more than the width.

    ImageMagick fills up rows of runs to four bytes, as rows without compression are.
    """
    header_bytes, width = struct.unpack_from("<Ii", data, 14)
    if header_bytes == _BMP_OLDEST:
        return _decoded(data, cv2.IMREAD_COLOR)
    if struct.unpack_from("<I", data, 30)[0] != _BMP_RUNS:
        return _decoded(data)
    filled = struct.pack("<i", -(-width // 4) * 4)
    return _decoded(data[:18] + filled + data[22:])[:, :width]


def _decoded_netpbm(data: bytes) -> NDArray[Any]:
    found = _decoded(data)
    if found.dtype != np.uint8:  # of 16 bits the range is found among the pixels
        return found
    return np.asarray(cv2.convertScaleAbs(found, alpha=255.0 / netpbm_white(data)))


def _decoded_tiff(data: bytes) -> NDArray[Any]:
    """Colours that were multiplied with their alpha, by libtiff or before, are put on white here.

    Raises:
        FrameError: of more than 8 bits OpenCV garbles channels that lie apart.
    """
    found, tags = _decoded(data), single_values(data)
    if found.ndim == 2:
        return found
    if found.dtype != np.uint8 and tags.get(Tag.PLANES) == _TIFF_APART:
        raise FrameError(
            "undecodable",
            "found a TIFF of more than 8 bits whose channels lie apart, which OpenCV garbles; "
            "expected them side by side. Of a file, type: magick FILE FILE.png",
        )
    multiplied = _TIFF_MULTIPLIED.get(found.dtype.str[1:], ())
    colours, alpha = found[:, :, :3], found[:, :, 3:]
    if tags.get(Tag.EXTRA_SAMPLES) not in multiplied or not alpha.any():
        return found
    return np.asarray(np.minimum(colours, alpha) + (np.iinfo(found.dtype).max - alpha))


# What OpenCV does not decode rightly by itself.
_DECODERS = {
    "JPEG": _decoded_jpeg, "BMP": _decoded_bmp, "Netpbm": _decoded_netpbm, "TIFF": _decoded_tiff,
}  # fmt: skip


def _turned(picture: Pixels, code: int) -> Pixels:
    if code not in _TURNS:
        return picture
    exchanged, reversed_axes = _TURNS[code]
    turned = picture.transpose(1, 0, 2) if exchanged else picture
    return np.ascontiguousarray(np.flip(turned, reversed_axes))


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse an image with too few pixels, or with too many.

    OpenCV before 4.6 fails on a single pixel.

    Raises:
        FrameError: with reason ``bad_size`` or ``too_large``.
    """
    if width <= 0 or height <= 0 or width * height == 1:
        raise FrameError(
            "bad_size", f"found an image of {width}x{height}; expected at least two pixels"
        )
    if width * height > max_pixels:
        raise FrameError(
            "too_large",
            f"found an image of {width}x{height}; expected at most {max_pixels} pixels",
        )
