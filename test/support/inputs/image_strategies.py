"""Hypothesis strategies for image messages: mostly broken, some whole, many in between."""

import io

import cv2
import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from ros2_captioner.images.encodings import ENCODINGS

_ODD_SIDES = st.sampled_from([0, 1, 3, 8000, 10**4, 2**16, 2**31, 2**32 - 1])
_BYTES_A_PIXEL = {
    "rgba8": 4, "bgra8": 4, "8UC4": 4, "32FC1": 4, "rgb8": 3, "bgr8": 3, "8UC3": 3, "rgb16": 6,
    "bgr16": 6, "16UC3": 6, "rgba16": 8, "bgra16": 8, "16UC4": 8,
}  # fmt: skip
_MOST_BYTES = 20_000
_WIDE = (".png", ".tiff")  # formats that also hold 16 bits
_SUFFIXES = [
    suffix
    for suffix in (".jpg", ".jpg", ".png", ".bmp", ".webp", ".tiff", ".gif", ".ppm")
    if cv2.haveImageWriter(suffix)  # OpenCV 4.6 writes no GIF
]
_CHANNELS = {".jpg": [1, 3], ".png": [1, 3, 4], ".tiff": [1, 3, 4], ".webp": [3, 4], ".bmp": [1, 3]}


def _mostly(draw, usual, odd):
    """Three times in four the usual; hypothesis would weigh the two alike."""
    return draw(usual if draw(st.integers(0, 3)) else odd)


@st.composite
def images(draw):
    """sensor_msgs/Image whose fields agree, nearly agree or are arbitrary."""
    height, width = (_mostly(draw, st.integers(1, 40), _ODD_SIDES) for _ in range(2))
    encoding = _mostly(draw, st.sampled_from(ENCODINGS), st.text(max_size=8))
    row = width * _BYTES_A_PIXEL.get(encoding, draw(st.integers(1, 2)))
    step = max(0, row + draw(st.sampled_from([0, 0, 0, 1, 7, -1, -row])))
    whole = step * height * draw(st.sampled_from([1, 1, 1, 1.5])) + draw(
        st.sampled_from([0, 0, -1, 3])
    )
    size = max(0, min(int(whole), _MOST_BYTES))
    noise = np.random.default_rng(draw(st.integers(0, 2**16)))
    data = noise.integers(0, 256, size, dtype=np.uint8).tobytes()
    return Image(
        height=height,
        width=width,
        encoding=encoding.replace("\0", ""),
        is_bigendian=draw(st.integers(0, 255)),
        step=min(step, 2**32 - 1),
        data=data,
    )


@st.composite
def compressed_images(draw):
    """sensor_msgs/CompressedImage: whole, padded, cut, bit-flipped or arbitrary."""
    raw = bytearray(_encoded(draw))
    for _ in range(draw(st.integers(0, 3))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    raw = raw[: draw(st.one_of(st.just(len(raw)), st.integers(0, len(raw))))]
    tail = draw(st.sampled_from([b"", b"", bytes(63), bytes(1000), b"\xff\xd9", b"trailer" * 20]))
    whole = bytes(raw) + tail
    data = draw(st.one_of(st.just(whole), st.just(whole), st.binary(max_size=200)))
    return CompressedImage(format=_format(draw), data=data)


def _encoded(draw):
    """A picture of 8 or 16 bits and one to four channels, as one of the formats that are read."""
    suffix = draw(st.sampled_from(_SUFFIXES))
    channels = draw(st.sampled_from(_CHANNELS.get(suffix, [3])))
    dtype = draw(st.sampled_from([np.uint8, np.uint16])) if suffix in _WIDE else np.uint8
    noise = np.random.default_rng(draw(st.integers(0, 2**16)))
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 40)), channels)
    assume(shape[:2] != (1, 1))  # of which OpenCV 4.5.4 writes no TIFF
    picture = noise.integers(0, np.iinfo(dtype).max, shape, dtype)
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, draw(st.integers(0, 1)),
               cv2.IMWRITE_JPEG_RST_INTERVAL, draw(st.integers(0, 3))]  # fmt: skip
    return cv2.imencode(suffix, picture, options if suffix == ".jpg" else [])[1].tobytes()


def _format(draw):
    """What compressed_image_transport writes, or anything."""
    written = st.sampled_from(
        [
            f"{name}; {packing}"
            for name in ENCODINGS
            for packing in (
                "jpeg compressed bgr8",
                "jpeg compressed mono8",
                "png compressed ",
                "tiff compressed ",
                "compressedDepth png",
            )
        ]
    )
    return draw(st.one_of(written, st.text("jpegn;mo8 ", max_size=20)))  # fmt: skip


def png_that_claims(width, height):
    """A few bytes that pose as a PNG of any size."""
    file = io.BytesIO()
    file.write(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    file.write(width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0")
    return file.getvalue() + bytes(100)
