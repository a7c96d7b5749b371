"""The encodings of sensor_msgs/Image: the memory layout of each, and its conversion to RGB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError

AnyPixels = NDArray[Any]
_CAMERA_BITS = 14  # the most of a camera that does not use all 16


@dataclass(frozen=True)
class Encoding:
    """The memory layout of an encoding, and its conversion to RGB.

    `dtype` and `channels` describe one pixel of ``[height, width, channels]``; planar YUV has more
    rows of bytes, `rows_per_height`. With `paired` two neighbours in a row share their colour.
    """

    dtype: str
    channels: int
    to_rgb: Callable[[AnyPixels], AnyPixels]
    rows_per_height: float = 1.0
    paired: bool = False


def _colour(code: int) -> Callable[[AnyPixels], AnyPixels]:
    return lambda pixels: cv2.cvtColor(pixels, code)


def _same(pixels: AnyPixels) -> AnyPixels:
    return pixels


def _high_bytes(pixels: AnyPixels) -> AnyPixels:
    """The 8 bits of unsigned 16 that tell something; cameras of 10 to 14 bits fill the low ones."""
    bits = int(pixels.max()).bit_length()
    return (pixels >> (8 if bits > _CAMERA_BITS else max(0, bits - 8))).astype(np.uint8)


def _wide(code: int) -> Callable[[AnyPixels], AnyPixels]:
    return lambda pixels: cv2.cvtColor(_high_bytes(pixels), code)


def _grey_from_16_bit(pixels: AnyPixels) -> AnyPixels:
    """Grey of 16 bits: the high byte, or all that lies in a narrow range stretched."""
    low, high = int(pixels.min()), int(pixels.max())
    if low == high or high - low >= 2**_CAMERA_BITS:
        grey = (pixels >> 8).astype(np.uint8)
    else:
        grey = ((pixels - low) * (255.0 / (high - low))).astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def _stretched_depth(pixels: AnyPixels) -> AnyPixels:
    """Depth as grey, near to far over the values present; zero and non-finite mean no reading.

    Raises:
        FrameError: with reason ``no_depth``, where no pixel has a reading.
    """
    with np.errstate(invalid="ignore"):  # a signalling NaN is no reading either
        depth = pixels.astype(np.float64).reshape(pixels.shape[:2])
    valid = np.isfinite(depth) & (depth > 0)
    if not valid.any():
        height, width = pixels.shape[:2]
        raise FrameError(
            "no_depth",
            f"found a {width}x{height} depth image without a reading, all zero or not finite; "
            "expected some distance above zero. Is the camera covered, or too close?",
        )
    low, high = float(depth[valid].min()), float(depth[valid].max())
    grey = np.zeros(depth.shape, np.uint8)
    if high > low:
        grey[valid] = ((depth[valid] - low) / (high - low) * 255.0).astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def _rgb_of_nv24(pixels: AnyPixels) -> AnyPixels:
    """Each pixel with colours of its own, taken for two neighbours of UYVY that share theirs."""
    height = len(pixels) // 3
    luma, chroma = pixels[:height], pixels[height:].reshape(height, -1, 1)
    return _UYVY(np.dstack([chroma, luma.repeat(2, axis=1)]))[:, ::2]


_BGR, _GREY = _colour(cv2.COLOR_BGR2RGB), _colour(cv2.COLOR_GRAY2RGB)
_YUYV, _UYVY = _colour(cv2.COLOR_YUV2RGB_YUYV), _colour(cv2.COLOR_YUV2RGB_UYVY)
_BY_NAME: dict[str, Encoding] = {
    "rgb8": Encoding("u1", 3, _same),
    "bgr8": Encoding("u1", 3, _BGR),
    "8UC3": Encoding("u1", 3, _BGR),
    "rgba8": Encoding("u1", 4, _colour(cv2.COLOR_RGBA2RGB)),
    "bgra8": Encoding("u1", 4, _colour(cv2.COLOR_BGRA2RGB)),
    "8UC4": Encoding("u1", 4, _colour(cv2.COLOR_BGRA2RGB)),
    "mono8": Encoding("u1", 1, _GREY),
    "8UC1": Encoding("u1", 1, _GREY),
    "mono16": Encoding("u2", 1, _grey_from_16_bit),
    "16UC1": Encoding("u2", 1, _stretched_depth),
    "32FC1": Encoding("f4", 1, _stretched_depth),
    "rgb16": Encoding("u2", 3, _high_bytes),
    "bgr16": Encoding("u2", 3, _wide(cv2.COLOR_BGR2RGB)),
    "16UC3": Encoding("u2", 3, _wide(cv2.COLOR_BGR2RGB)),
    "rgba16": Encoding("u2", 4, _wide(cv2.COLOR_RGBA2RGB)),
    "bgra16": Encoding("u2", 4, _wide(cv2.COLOR_BGRA2RGB)),
    "16UC4": Encoding("u2", 4, _wide(cv2.COLOR_BGRA2RGB)),
    # OpenCV names Bayer patterns by the second row's second and third pixel.
    "bayer_rggb8": Encoding("u1", 1, _colour(cv2.COLOR_BayerBG2RGB)),
    "bayer_bggr8": Encoding("u1", 1, _colour(cv2.COLOR_BayerRG2RGB)),
    "bayer_gbrg8": Encoding("u1", 1, _colour(cv2.COLOR_BayerGR2RGB)),
    "bayer_grbg8": Encoding("u1", 1, _colour(cv2.COLOR_BayerGB2RGB)),
    "bayer_rggb16": Encoding("u2", 1, _wide(cv2.COLOR_BayerBG2RGB)),
    "bayer_bggr16": Encoding("u2", 1, _wide(cv2.COLOR_BayerRG2RGB)),
    "bayer_gbrg16": Encoding("u2", 1, _wide(cv2.COLOR_BayerGR2RGB)),
    "bayer_grbg16": Encoding("u2", 1, _wide(cv2.COLOR_BayerGB2RGB)),
    "yuv422_yuy2": Encoding("u1", 2, _YUYV, paired=True),
    "yuyv": Encoding("u1", 2, _YUYV, paired=True),
    "yuv422": Encoding("u1", 2, _UYVY, paired=True),
    "uyvy": Encoding("u1", 2, _UYVY, paired=True),
    "nv12": Encoding("u1", 1, _colour(cv2.COLOR_YUV2RGB_NV12), 1.5, paired=True),
    "nv21": Encoding("u1", 1, _colour(cv2.COLOR_YUV2RGB_NV21), 1.5, paired=True),
    "nv24": Encoding("u1", 1, _rgb_of_nv24, 3.0),
}
ENCODINGS = tuple(sorted(_BY_NAME))


def encoding_named(name: str) -> Encoding:
    """The encoding of a message's ``encoding`` field.

    Raises:
        FrameError: with reason ``unknown_encoding``.
    """
    found = _BY_NAME.get(name) or _BY_NAME.get(name.lower())
    if found is None:
        raise FrameError(
            "unknown_encoding",
            f"found encoding {name[:40]!r}; expected one of {', '.join(ENCODINGS)}",
        )
    return found


def rgb_of_decoded(
    pixels: AnyPixels, name: str = "", *, swapped: bool = False
) -> NDArray[np.uint8]:
    """What a decoder of compressed images returns, as RGB.

    Args:
        pixels: ``[height, width]`` grey, or ``[height, width, channels]`` with BGR or BGRA.
        name: encoding that a single channel is of, such as ``bayer_rggb8``; without one 8 and 16
            bits are grey, all else counts as depth.
        swapped: the channels are RGB or RGBA.

    Returns:
        uint8 ``[height, width, 3]``; what is transparent lies on white.

    Raises:
        ValueError: the channels are neither one, three nor four.
        FrameError: with reason ``no_depth``, see above.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if channels == 1:
        rgb = _single(pixels, name).to_rgb(pixels.reshape(*pixels.shape[:2], 1))
    elif channels == 3:
        rgb = _BGR(_bytes(pixels))
    elif channels == 4:
        rgb = _on_white(_bytes(pixels))
    else:
        raise ValueError(f"found {channels} channels; expected 1, 3 or 4")
    return np.ascontiguousarray(rgb[:, :, ::-1] if swapped else rgb, dtype=np.uint8)


def rgb_of_inverse_depth(pixels: AnyPixels, scale: float, offset: float) -> NDArray[np.uint8]:
    """Depth of 32FC1 as compressed_depth_image_transport packs it, near to far as other depth.

    Args:
        pixels: uint16 ``[height, width]`` with ``scale / metres + offset``; zero means no reading.

    Returns:
        uint8 ``[height, width, 3]`` RGB.

    Raises:
        ValueError: not one channel of 16 bits, or a scale that no publisher writes.
        FrameError: with reason ``no_depth``, see above.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint16 or not 0 < scale < np.inf:
        raise ValueError(
            f"found {pixels.dtype} {list(pixels.shape)} and a scale of {scale:g}; expected depth "
            "in one channel of 16 bits, and a scale above zero"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = scale / (pixels.astype(np.float64) - offset)
    return np.ascontiguousarray(_stretched_depth(np.where(pixels, depth, 0.0)), dtype=np.uint8)


def _single(pixels: AnyPixels, name: str) -> Encoding:
    named = _BY_NAME.get(name) or _BY_NAME.get(name.lower())
    if named and named.channels == named.rows_per_height == 1 and pixels.dtype == named.dtype:
        return named
    return _BY_NAME[{"u1": "mono8", "u2": "mono16"}.get(pixels.dtype.str[1:], "32FC1")]


def _bytes(pixels: AnyPixels) -> AnyPixels:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return _high_bytes(pixels)
    finite: AnyPixels = np.nan_to_num(pixels.astype(np.float32), posinf=0.0, neginf=0.0)
    scaled: AnyPixels = finite * (255.0 / max(float(finite.max()), 1e-6))
    return scaled.clip(0, 255).astype(np.uint8)


def _on_white(bgra: AnyPixels) -> AnyPixels:
    """A picture without any opaque pixel is one whose writer left the fourth channel empty."""
    colours, alpha = bgra[:, :, 2::-1], bgra[:, :, 3:].astype(np.uint16)
    if not alpha.any() or int(alpha.min()) == 255:
        return colours
    shown: AnyPixels = (colours * alpha + 255 * (255 - alpha) + 127) // 255
    return shown.astype(np.uint8)
