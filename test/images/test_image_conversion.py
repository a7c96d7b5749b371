"""Image messages to RGB against OpenCV's own conversions, and every refusal."""

import struct

import cv2
import numpy as np
import pytest
from image_messages import CompressedImage, Image

from ros2_captioner.errors import FrameError
from ros2_captioner.images.conversion import compressed_to_rgb, image_to_rgb
from ros2_captioner.images.decoding import decode
from ros2_captioner.images.encodings import ENCODINGS

HEIGHT, WIDTH = 6, 8
RANDOM = np.random.default_rng(7)


def message(name, pixels, *, padding=0, big_endian=False, **changes):
    """An Image of an array [rows, width, channels]; rows may be padded with garbage."""
    rows = pixels.reshape(pixels.shape[0], -1)
    if big_endian:
        rows = rows.astype(rows.dtype.newbyteorder(">"))
    table = rows.view(np.uint8).reshape(rows.shape[0], -1)
    garbage = np.full((rows.shape[0], padding), 213, np.uint8)
    padded = np.hstack([table, garbage])
    fields = {
        "height": HEIGHT,
        "width": WIDTH,
        "encoding": name,
        "is_bigendian": int(big_endian),
        "step": padded.shape[1],
        "data": padded.tobytes(),
    }
    return Image(**{**fields, **changes})


def random_pixels(channels, dtype=np.uint8, rows=HEIGHT):
    return RANDOM.integers(0, 256, (rows, WIDTH, channels)).astype(dtype)


REFERENCES = {
    "rgb8": (3, lambda p: p),
    "bgr8": (3, lambda p: cv2.cvtColor(p, cv2.COLOR_BGR2RGB)),
    "8UC3": (3, lambda p: cv2.cvtColor(p, cv2.COLOR_BGR2RGB)),
    "rgba8": (4, lambda p: p[:, :, :3]),
    "bgra8": (4, lambda p: p[:, :, 2::-1]),
    "8UC4": (4, lambda p: p[:, :, 2::-1]),
    "mono8": (1, lambda p: np.repeat(p, 3, axis=2)),
    "8UC1": (1, lambda p: np.repeat(p, 3, axis=2)),
    "yuyv": (2, lambda p: cv2.cvtColor(p, cv2.COLOR_YUV2RGB_YUYV)),
    "yuv422_yuy2": (2, lambda p: cv2.cvtColor(p, cv2.COLOR_YUV2RGB_YUYV)),
    "uyvy": (2, lambda p: cv2.cvtColor(p, cv2.COLOR_YUV2RGB_UYVY)),
    "yuv422": (2, lambda p: cv2.cvtColor(p, cv2.COLOR_YUV2RGB_UYVY)),
}
WIDE = {
    "rgb16": (0, 1, 2), "bgr16": (2, 1, 0), "16UC3": (2, 1, 0),
    "rgba16": (0, 1, 2, 3), "bgra16": (2, 1, 0, 3), "16UC4": (2, 1, 0, 3),
}  # fmt: skip
BAYER = ("rggb", "bggr", "gbrg", "grbg")
COLOUR = {"r": 200, "g": 90, "b": 30}


@pytest.mark.parametrize("padding", [0, 1, 5])
@pytest.mark.parametrize("encoding", REFERENCES)
def test_pixels_equal_opencv_whatever_the_row_padding(encoding, padding):
    channels, reference = REFERENCES[encoding]
    pixels = random_pixels(channels)
    found = image_to_rgb(message(encoding, pixels, padding=padding))
    np.testing.assert_array_equal(found, reference(pixels))
    assert found.flags.c_contiguous and found.dtype == np.uint8


@pytest.mark.parametrize(("encoding", "code"), [("nv12", "NV12"), ("nv21", "NV21")])
def test_planar_yuv(encoding, code):
    pixels = random_pixels(1, rows=HEIGHT * 3 // 2)
    found = image_to_rgb(message(encoding, pixels, padding=3))
    np.testing.assert_array_equal(
        found, cv2.cvtColor(pixels, getattr(cv2, f"COLOR_YUV2RGB_{code}"))
    )


@pytest.mark.parametrize("encoding", ["yuyv", "uyvy"])
def test_yuv_of_an_odd_height(encoding):
    pixels = random_pixels(2, rows=HEIGHT - 1)
    found = image_to_rgb(message(encoding, pixels, height=HEIGHT - 1))
    np.testing.assert_array_equal(found, REFERENCES[encoding][1](pixels))


@pytest.mark.parametrize("width", [WIDTH, WIDTH - 1])
def test_yuv_of_full_colour(width):
    """As NV12 whose pixels are four times as many, each of four with the colour of one."""
    luma, u, v = RANDOM.integers(0, 256, (3, HEIGHT, width), np.uint8)
    chroma = np.dstack([u, v]).reshape(2 * HEIGHT, width)
    found = image_to_rgb(message("nv24", np.vstack([luma, chroma]), width=width))
    larger = np.vstack([luma.repeat(2, 0).repeat(2, 1), chroma.reshape(HEIGHT, 2 * width)])
    np.testing.assert_array_equal(found, cv2.cvtColor(larger, cv2.COLOR_YUV2RGB_NV12)[::2, ::2])


def mosaic(pattern):
    cell = np.array([COLOUR[letter] for letter in pattern], np.uint8).reshape(2, 2)
    return np.tile(cell, (HEIGHT // 2, WIDTH // 2))[:, :, None]


@pytest.mark.parametrize("pattern", BAYER)
def test_bayer_mosaic_of_a_flat_colour_gives_that_colour(pattern):
    found = image_to_rgb(message(f"bayer_{pattern}8", mosaic(pattern)))
    np.testing.assert_array_equal(found[2:-2, 2:-2].reshape(-1, 3).mean(axis=0), (200, 90, 30))


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("scale", [256, 16], ids=["16 bits", "12 bits"])
@pytest.mark.parametrize("pattern", BAYER)
def test_bayer_mosaic_of_16_bits(pattern, scale, big_endian):
    pixels = mosaic(pattern).astype(np.uint16) * scale
    found = image_to_rgb(message(f"bayer_{pattern}16", pixels, big_endian=big_endian))
    np.testing.assert_array_equal(found[2:-2, 2:-2].reshape(-1, 3).mean(axis=0), (200, 90, 30))


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("encoding", WIDE)
def test_colour_of_16_bits_keeps_the_high_byte(encoding, big_endian):
    order = WIDE[encoding]
    pixels = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, len(order))).astype(np.uint16)
    pixels[0, 0] = 65535
    found = image_to_rgb(message(encoding, pixels, big_endian=big_endian, padding=4))
    np.testing.assert_array_equal(found, (pixels >> 8)[:, :, list(order)[:3]])


def test_colour_of_a_12_bit_camera_is_as_bright_as_it_is():
    pixels = np.full((HEIGHT, WIDTH, 3), (4095, 2048, 0), np.uint16)
    assert tuple(image_to_rgb(message("rgb16", pixels))[0, 0]) == (255, 128, 0)


@pytest.mark.parametrize(
    ("value", "expected"), [(100, 100), (200, 200), (2**14 - 1, 255), (2**14, 64)]
)
def test_colour_of_more_than_14_bits_is_of_16(value, expected):
    pixels = np.full((HEIGHT, WIDTH, 3), value, np.uint16)
    assert (image_to_rgb(message("rgb16", pixels)) == expected).all()


@pytest.mark.parametrize(
    "form", ["mono16; jpeg compressed ", "16UC1; jpeg", "nv12; jpeg", "rgb8; jpeg", "png"]
)
def test_8_bits_of_one_channel_are_grey_whatever_they_were(form):
    pixels = np.full((HEIGHT, WIDTH), 90, np.uint8)
    pixels[0] = 30
    found = compressed_to_rgb(encoded(".png", pixels, form))
    np.testing.assert_array_equal(found, np.repeat(pixels[:, :, None], 3, axis=2))


def test_names_of_encodings_in_capitals_are_known():
    pixels = random_pixels(3)
    np.testing.assert_array_equal(image_to_rgb(message("RGB8", pixels)), pixels)
    flat = np.tile(mosaic("rggb")[:, :, 0], (8, 8))
    found = compressed_to_rgb(encoded(".png", flat, "BAYER_RGGB8; png"))
    assert tuple(found[8, 8]) == (200, 90, 30)


def test_flat_mono16_is_its_high_byte():
    pixels = np.full((HEIGHT, WIDTH, 1), 5000, np.uint16)
    assert (image_to_rgb(message("mono16", pixels)) == 5000 >> 8).all()


@pytest.mark.parametrize("big_endian", [False, True])
def test_mono16_keeps_the_high_byte(big_endian):
    pixels = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, 1)).astype(np.uint16)
    found = image_to_rgb(message("mono16", pixels, big_endian=big_endian))
    np.testing.assert_array_equal(found, np.repeat((pixels >> 8).astype(np.uint8), 3, axis=2))


@pytest.mark.parametrize(("low", "high"), [(0, 1000), (29000, 31000), (0, 4095)])
def test_mono16_of_a_narrow_range_is_stretched(low, high):
    pixels = np.linspace(low, high, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, 1).astype(np.uint16)
    found = image_to_rgb(message("mono16", pixels))
    assert (int(found.min()), int(found.max())) == (0, 255)
    assert (np.diff(found[:, :, 0].ravel().astype(int)) >= 0).all()


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize(("encoding", "dtype"), [("16UC1", np.uint16), ("32FC1", np.float32)])
def test_depth_is_stretched_over_its_valid_range(encoding, dtype, big_endian):
    depth = np.zeros((HEIGHT, WIDTH, 1), dtype)
    depth[0], depth[1], depth[2] = 1000, 2000, 3000
    if dtype is np.float32:
        depth[3], depth[4] = np.nan, np.inf
    found = image_to_rgb(message(encoding, depth, big_endian=big_endian))
    assert [int(found[row, 0, 0]) for row in range(6)] == [0, 127, 255, 0, 0, 0]


def test_every_encoding_is_covered_here():
    tested = {*REFERENCES, "nv12", "nv21", "nv24", "mono16", "16UC1", "32FC1"}
    bayer = {f"bayer_{pattern}{bits}" for pattern in BAYER for bits in (8, 16)}
    assert tested | bayer | set(WIDE) == set(ENCODINGS)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("short_data", {"data": b"\0" * (HEIGHT * WIDTH * 3 - 1)}),
        ("short_step", {"step": WIDTH * 3 - 1}),
        ("bad_size", {"width": 0}),
        ("bad_size", {"height": 0}),
        ("bad_size", {"width": 1, "height": 1}),
        ("unknown_encoding", {"encoding": "rgb9000"}),
        ("too_large", {"width": 10000, "height": 10000, "step": 30000}),
        ("short_data", {"data": b""}),
    ],
)
def test_bad_images_are_refused_with_their_reason(reason, changes):
    with pytest.raises(FrameError, match="expected") as refusal:
        image_to_rgb(message("rgb8", random_pixels(3), **changes))
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("encoding", "step"),
    [("yuyv", 6), ("yuv422_yuy2", 6), ("uyvy", 6), ("yuv422", 6), ("nv12", 3), ("nv21", 3)],
)
def test_odd_width_in_paired_yuv_is_refused(encoding, step):
    odd = Image(height=2, width=3, encoding=encoding, step=step, data=bytes(12))
    with pytest.raises(FrameError) as refusal:
        image_to_rgb(odd)
    assert refusal.value.reason == "unconvertible"


def compressed(suffix, picture):
    encoded = cv2.imencode(suffix, picture[:, :, ::-1])[1].tobytes()
    return CompressedImage(format=suffix[1:], data=encoded)


def test_png_is_exact_and_grey_jpeg_becomes_rgb(photograph):
    np.testing.assert_array_equal(compressed_to_rgb(compressed(".png", photograph)), photograph)
    grey = cv2.imencode(".jpg", photograph[:, :, 0])[1].tobytes()
    assert compressed_to_rgb(CompressedImage(format="jpeg", data=grey)).shape == photograph.shape


def test_broken_compressed_images_are_refused_with_their_reason(photograph):
    whole = bytes(compressed(".jpg", photograph).data)
    cases = {
        "empty": b"",
        "truncated": whole[: len(whole) // 2],
        "undecodable": b"\x89PNG" + bytes(100),
    }
    for reason, data in cases.items():
        with pytest.raises(FrameError, match="expected") as refusal:
            compressed_to_rgb(CompressedImage(format="jpeg", data=data))
        assert refusal.value.reason == reason


def encoded(suffix, pixels, form):
    data = cv2.imencode(suffix, pixels)[1].tobytes()
    return CompressedImage(format=form, data=data)


@pytest.mark.parametrize("value", [0, np.nan, np.inf, -1])
def test_depth_without_a_reading_is_refused_on_the_wire_and_on_disk(value):
    depth = np.full((HEIGHT, WIDTH, 1), value, np.float32)
    zeros = np.zeros((HEIGHT, WIDTH, 1), np.uint16)
    for convert in (
        lambda: image_to_rgb(message("32FC1", depth)),
        lambda: image_to_rgb(message("16UC1", zeros)),
        lambda: compressed_to_rgb(encoded(".png", zeros, "16UC1; png compressed ")),
        lambda: decode(bytes(encoded(".tiff", depth, "").data), "the file", 10**6),
    ):
        with pytest.raises(FrameError, match="without a reading.*expected") as refused:
            convert()
        assert refused.value.reason == "no_depth"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("dtype", "far"), [(np.float32, 3e38), (np.float32, 2e-40), (float, 1e300)]
)
def test_depth_of_any_magnitude_is_stretched_in_silence(dtype, far):
    depth = np.full((HEIGHT, WIDTH), far, dtype)
    depth[0] = far / 2
    found = decode(bytes(encoded(".tiff", depth, "").data), "the file", 10**6)
    assert (found[0, 0, 0], found[1, 0, 0]) == (0, 255)


@pytest.mark.filterwarnings("error")
def test_a_signalling_nan_is_no_reading():
    depth = np.full((HEIGHT, WIDTH), 2, np.float32)
    depth.view(np.uint32)[0] = 0x7F800001
    depth[1] = 1
    rgb = image_to_rgb(message("32FC1", depth))
    assert [int(rgb[row, 0, 0]) for row in (0, 1, 2)] == [0, 0, 255]


def test_compressed_depth_is_stretched():
    depth = np.zeros((HEIGHT, WIDTH), np.uint16)
    depth[0], depth[1], depth[2] = 1000, 2000, 3000
    found = compressed_to_rgb(encoded(".png", depth, "16UC1; png compressed "))
    assert [int(found[row, 0, 0]) for row in range(4)] == [0, 127, 255, 0]


def test_compressed_mono16_of_a_narrow_range_is_stretched():
    pixels = np.linspace(0, 1000, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    for form in ("mono16; png compressed ", "png"):
        found = compressed_to_rgb(encoded(".png", pixels, form))
        assert (int(found.min()), int(found.max())) == (0, 255)


@pytest.mark.parametrize("target", ["", "bayer_{}8"], ids=["foxy", "jpeg_compress_bayer"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("pattern", BAYER)
def test_a_compressed_bayer_mosaic_gets_its_colours(pattern, suffix, target):
    pixels = np.tile(mosaic(pattern)[:, :, 0], (8, 8))
    form = f"bayer_{pattern}8; {suffix[1:]} compressed {target.format(pattern)}"
    found = compressed_to_rgb(encoded(suffix, pixels, form))
    mean = found[4:-4, 4:-4].reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(mean, (200, 90, 30), atol=0 if suffix == ".png" else 5)


def test_a_mosaic_of_16_bits_in_png():
    pixels = np.tile(mosaic("rggb")[:, :, 0], (8, 8)).astype(np.uint16) * 256
    found = compressed_to_rgb(encoded(".png", pixels, "bayer_rggb16; png compressed "))
    np.testing.assert_allclose(found[4:-4, 4:-4].reshape(-1, 3).mean(axis=0), (200, 90, 30))


@pytest.mark.parametrize(
    "form",
    [
        "rgb8; jpeg compressed bgr8",
        "bgr8; png compressed bgr8",
        "rgba8; png compressed ",
        "bayer_rggb8; jpeg compressed bgr8",
        "nv12; jpeg",
        "x; y",
        ";",
    ],
)
def test_what_is_in_colour_already_stays_so(photograph, form):
    found = compressed_to_rgb(encoded(".png", photograph[:, :, ::-1], form))
    np.testing.assert_array_equal(found, photograph)


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "rgb16", "bgra16"])
def test_a_tiff_of_image_transport_has_the_colours_of_its_camera(encoding):
    """The plugin hands the pixels of any encoding to OpenCV, which takes them for BGR."""
    dtype = np.uint16 if encoding.endswith("16") else np.uint8
    order = {"r": 200, "g": 90, "b": 30, "a": 255}
    letters = encoding.removesuffix("16").removesuffix("8")
    pixels = np.full((HEIGHT, WIDTH, len(letters)), [order[each] for each in letters], dtype)
    pixels *= 257 if dtype is np.uint16 else 1
    found = compressed_to_rgb(encoded(".tiff", pixels, f"{encoding}; tiff compressed "))
    assert tuple(found[0, 0]) == (200, 90, 30)


@pytest.mark.parametrize("pattern", BAYER)
def test_what_image_transport_made_grey_of_a_mosaic_stays_grey(pattern, photograph):
    grey = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    found = compressed_to_rgb(encoded(".png", grey, f"bayer_{pattern}8; jpeg compressed mono8"))
    np.testing.assert_array_equal(found, np.dstack([grey] * 3))


def test_compressed_depth_transport_is_read_as_png_and_named_otherwise():
    depth = np.full((HEIGHT, WIDTH), 20_000, np.uint16)
    depth[0] = 40_000
    message = encoded(".png", depth, "")
    message.data = bytes(12) + bytes(message.data)
    for message.format in ("16UC1; compressedDepth png", "mono16; compressedDepth"):
        assert [int(compressed_to_rgb(message)[row, 0, 0]) for row in (0, 1)] == [255, 0]
    message.format, message.data = "16UC1; compressedDepth rvl", bytes(100)
    with pytest.raises(FrameError, match="compressedDepth rvl.*expected .*PNG") as refusal:
        compressed_to_rgb(message)
    assert refusal.value.reason == "unknown_encoding"


def inverse_depth(values, scale=10100.0, offset=-1009.0):
    """A message as compressed_depth_image_transport makes it of 32FC1 with its defaults."""
    message = encoded(".png", values.astype(np.uint16), "32FC1; compressedDepth png")
    message.data = struct.pack("<iff", 1, scale, offset) + bytes(message.data)
    return message


def test_compressed_depth_of_floats_looks_as_it_does_uncompressed():
    depth = np.linspace(0.5, 9.5, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.float32)
    values = 10100 / depth - 1009
    values[0, 0], depth[0, 0] = 0, np.nan
    found = compressed_to_rgb(inverse_depth(values))
    expected = image_to_rgb(message("32FC1", depth))
    np.testing.assert_allclose(found.astype(int), expected.astype(int), atol=1)
    with pytest.raises(FrameError, match="without a reading"):
        compressed_to_rgb(inverse_depth(np.zeros((HEIGHT, WIDTH))))


@pytest.mark.parametrize("pixels", [np.ones((4, 4), np.uint8), np.ones((4, 4, 3), np.uint16)])
def test_inverse_depth_of_other_pixels_is_refused(pixels):
    message = encoded(".png", pixels, "32FC1; compressedDepth png")
    message.data = struct.pack("<iff", 1, 10100.0, -1009.0) + bytes(message.data)
    with pytest.raises(FrameError, match="expected depth in one channel of 16 bits"):
        compressed_to_rgb(message)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_inverse_depth_without_a_scale_is_refused(scale):
    with pytest.raises(FrameError, match="found uint16.*a scale of .*expected depth") as refusal:
        compressed_to_rgb(inverse_depth(np.full((HEIGHT, WIDTH), 5000), scale))
    assert refusal.value.reason == "undecodable"
