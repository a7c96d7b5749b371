"""Hypothesis strategies for image messages: mostly broken, some whole, many in between."""

import io

import cv2
import numpy as np
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from ros2_captioner.images.encodings import ENCODINGS

_ODD_SIDES = st.sampled_from([0, 1, 3, 8000, 10**4, 2**16, 2**31, 2**32 - 1])
_BYTES_A_PIXEL = {"rgba8": 4, "bgra8": 4, "8UC4": 4, "32FC1": 4, "rgb8": 3, "bgr8": 3, "8UC3": 3}
_MOST_BYTES = 20_000


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
    """sensor_msgs/CompressedImage: whole, cut, bit-flipped or arbitrary."""
    side = draw(st.integers(1, 40))
    noise = np.random.default_rng(draw(st.integers(0, 2**16)))
    picture = noise.integers(0, 256, (side, draw(st.integers(1, 40)), 3), dtype=np.uint8)
    suffix = draw(st.sampled_from([".jpg", ".png", ".bmp"]))
    raw = bytearray(cv2.imencode(suffix, picture)[1].tobytes())
    for _ in range(draw(st.integers(0, 3))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    raw = raw[: draw(st.one_of(st.just(len(raw)), st.integers(0, len(raw))))]
    data = draw(st.one_of(st.just(bytes(raw)), st.just(bytes(raw)), st.binary(max_size=200)))
    return CompressedImage(format=draw(st.text("jpegn;mo8 ", max_size=20)), data=data)


def png_that_claims(width, height):
    """A few bytes that pose as a PNG of any size."""
    file = io.BytesIO()
    file.write(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    file.write(width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0")
    return file.getvalue() + bytes(100)
