"""Compressed bytes, whole and broken: what is decoded, what is refused, and at what cost."""

import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest

from ros2_captioner.errors import FrameError
from ros2_captioner.images import decoding
from ros2_captioner.images.decoding import decode
from ros2_captioner.images.headers import FORMATS, bmp_is_whole

END = b"\xff\xd9"
MAX_PIXELS = 64_000_000


@pytest.fixture(scope="module", params=["baseline", "progressive", "restarts"])
def jpeg(request, photograph):
    options = {
        "baseline": [],
        "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
        "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 5],
    }[request.param]
    return cv2.imencode(".jpg", photograph[:, :, ::-1], options)[1].tobytes()


def refusal(data, **options):
    with pytest.raises(FrameError, match="expected") as caught:
        decode(data, "the data", MAX_PIXELS, **options)
    return caught.value.reason


def test_pixels_are_those_of_opencv(jpeg):
    expected = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    np.testing.assert_array_equal(decode(jpeg, "the data", MAX_PIXELS), expected)


@pytest.mark.skipif(decoding.simplejpeg is None, reason="simplejpeg is not installed")
@pytest.mark.parametrize("rest", [b"", END], ids=["cut", "cut and ended"])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9, 0.99])
def test_a_jpeg_that_ends_early_is_refused_even_with_an_end_marker(jpeg, share, rest):
    assert refusal(jpeg[: int(share * len(jpeg))] + rest) in ("truncated", "undecodable")


@pytest.mark.skipif(decoding.simplejpeg is None, reason="simplejpeg is not installed")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_jpeg_of_inks_that_ends_early_is_refused_and_a_whole_one_read(photograph, share):
    inks = np.dstack([255 - photograph, np.zeros_like(photograph[:, :, :1])])
    data = decoding.simplejpeg.encode_jpeg(np.ascontiguousarray(inks), colorspace="CMYK")
    upright = decode(data, "the data", MAX_PIXELS)
    assert upright.shape == photograph.shape
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHH", 8, 1, 274, 3, 1, 6, 0)
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    found = decode(turned, "the data", MAX_PIXELS, rotate=True)
    np.testing.assert_array_equal(found, np.rot90(upright, -1))
    assert refusal(data[: int(share * len(data))] + END) == "truncated"


@pytest.mark.skipif(decoding.simplejpeg is None, reason="simplejpeg is not installed")
@pytest.mark.parametrize(
    "head", [b"\xff\xc0\0\x11\x0c", b"\xff\xc3\0\x11\x08"], ids=["12 bits", "lossless"]
)
def test_a_jpeg_of_a_rare_kind_is_not_said_to_be_damaged(photograph, head):
    data = cv2.imencode(".jpg", photograph)[1].tobytes()
    rare = data.replace(b"\xff\xc0\0\x11\x08", head, 1)
    with pytest.raises(FrameError, match="a kind that libjpeg does not decode") as caught:
        decode(rare, "the data", MAX_PIXELS)
    assert caught.value.reason == "undecodable"


@pytest.mark.skipif(decoding.simplejpeg is None, reason="simplejpeg is not installed")
@pytest.mark.parametrize("marker", [0x02, 0x5A, 0xC0, 0xC5, 0xF0])
def test_a_marker_among_the_pixels_of_a_jpeg_is_damage(jpeg, marker):
    place = jpeg.index(b"\xff\xda") + 60
    damaged = jpeg[:place] + bytes([0xFF, marker]) + jpeg[place + 2 :]
    with pytest.raises(FrameError, match="a JPEG of .* that is cut or damaged") as caught:
        decode(damaged, "the data", MAX_PIXELS)
    assert caught.value.reason == "truncated"


def test_a_jpeg_of_scans_without_end_is_refused_before_it_is_decoded(photograph):
    """Some kilobytes of a large picture would take minutes."""
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    data = cv2.imencode(".jpg", photograph, progressive)[1].tobytes()
    scan = data[data.rindex(b"\xff\xda") : -len(END)]
    assert decode(data + END + 200 * scan + END, "the data", MAX_PIXELS).shape == photograph.shape
    # Nor is an end within a comment one.
    many = data[: -len(END)] + b"\xff\xfe\0\4" + END + 200 * scan + END
    with pytest.raises(FrameError, match=r"a JPEG of 2\d\d scans") as caught:
        decode(many, "the data", MAX_PIXELS)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("count", [1, 62, 63, 64, 100, 5000])
@pytest.mark.parametrize("byte", [0, 0xFF, 0xD9])
def test_what_follows_the_end_of_a_jpeg_is_left_alone(jpeg, count, byte):
    expected = decode(jpeg, "the data", MAX_PIXELS)
    found = decode(jpeg + bytes([byte]) * count, "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, expected)


def test_padding_before_the_end_marker_is_left_alone(jpeg):
    found = decode(jpeg[:-2] + bytes(100) + END, "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, decode(jpeg, "the data", MAX_PIXELS))


def test_without_simplejpeg_a_missing_end_is_still_seen(jpeg, monkeypatch):
    expected = decode(jpeg, "the data", MAX_PIXELS)
    monkeypatch.setattr(decoding, "simplejpeg", None)
    assert refusal(jpeg[: len(jpeg) // 2]) == "truncated"
    np.testing.assert_array_equal(decode(jpeg, "the data", MAX_PIXELS), expected)


OTHERS = [suffix for suffix in (".png", ".webp", ".tiff", ".bmp", ".gif", ".ppm")
          if cv2.haveImageWriter(suffix)]  # fmt: skip


@pytest.mark.parametrize("suffix", OTHERS)
def test_other_formats_are_read_whole_and_refused_cut(photograph, suffix):
    data = cv2.imencode(suffix, photograph[:, :, ::-1])[1].tobytes()
    assert decode(data, "the data", MAX_PIXELS).shape == photograph.shape
    for length in (9, 40, len(data) // 2, len(data) - 5):
        assert refusal(data[:length]) in ("undecodable", "bad_size", "truncated")


GIF = (b"GIF89a" + struct.pack("<HHBBB", 2, 1, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
       + b"," + struct.pack("<HHHHB", 0, 0, 2, 1, 0) + b"\2\2\x44\x0a\0;")  # fmt: skip


@pytest.mark.parametrize("has_codec", [True, False])
def test_a_format_that_opencv_was_built_without_is_named(monkeypatch, has_codec):
    """As GIF of the OpenCV that Ubuntu 22.04 and 24.04 have."""
    monkeypatch.setattr(cv2, "imdecode", lambda data, flags: None)
    monkeypatch.setattr(cv2, "haveImageWriter", lambda suffix: has_codec or suffix != ".gif")
    with pytest.raises(FrameError) as caught:
        decode(GIF, "the data", MAX_PIXELS)
    assert caught.value.reason == "undecodable"
    if has_codec:
        assert "expected a whole file" in str(caught.value)
    else:
        assert f"a GIF, which OpenCV {cv2.__version__} was built without" in str(caught.value)
        assert "pip install 'opencv-python-headless>=4.12'" in str(caught.value)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_that_opencv_has_is_not_said_to_be_missing(kind):
    if kind == "GIF" and not cv2.haveImageWriter(".gif"):
        pytest.skip("this OpenCV has no GIF")
    decoding._check_codec(kind)


@pytest.mark.skipif(not cv2.haveImageWriter(".gif"), reason="this OpenCV has no GIF")
def test_a_gif_is_read():
    assert decode(GIF, "the data", MAX_PIXELS).shape == (1, 2, 3)


@pytest.mark.parametrize("white", [1, 100, 254, 255])
@pytest.mark.parametrize("kind", [b"P2", b"P3", b"P5", b"P6"])
def test_white_of_a_netpbm_is_white(kind, white):
    channels = 3 if kind in (b"P3", b"P6") else 1
    values = [value for value in (0, white // 2, white) for _ in range(channels)]
    body = bytes(values) if kind in (b"P5", b"P6") else b"%d " * len(values) % tuple(values)
    data = b"%s\n# of\n1 3 # rows\n%d\n%s" % (kind, white, body)
    found = decode(data, "the data", MAX_PIXELS).reshape(3, 3)
    expected = np.array([0, white // 2 * 255 / white, 255])
    np.testing.assert_allclose(found, expected.reshape(3, 1).repeat(3, 1), atol=1)


BMPS = [
    (header, bits, height)
    for header in (12, 40, 124)
    for bits in (24, 32)
    for height in (5, -5)
    if not (header == 12 and height < 0)  # that header has no sign
]


@pytest.mark.parametrize(("header_bytes", "bits", "height"), BMPS)
def test_a_bmp_that_is_cut_is_refused_in_silence(header_bytes, bits, height, capfd):
    """Rows of 7 pixels, filled up to four bytes."""
    old = header_bytes == 12
    header = struct.pack("<IHHHH" if old else "<IiiHH", header_bytes, 7, height, 1, bits)
    header = header.ljust(header_bytes, b"\0")
    rows = bytes((7 * bits + 31) // 32 * 4 * abs(height))
    size = 14 + len(header) + len(rows)
    data = struct.pack("<2sIII", b"BM", size, 0, 14 + len(header)) + header + rows
    assert bmp_is_whole(data) and not bmp_is_whole(data[:-1]) and not bmp_is_whole(data[:24])
    assert refusal(data[:-1]) == "truncated"
    assert capfd.readouterr().err == ""
    if not old:  # compressed, its length cannot be told
        compressed = data[:30] + struct.pack("<I", 1) + data[34:]
        assert bmp_is_whole(compressed[:-1])


def test_a_bmp_of_the_oldest_kind_is_in_colour():
    head = struct.pack("<2sIIIIHHHH", b"BM", 34, 0, 26, 12, 2, 1, 1, 24)
    found = decode(head + bytes([30, 90, 200, 200, 90, 30, 0, 0]), "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, [[(200, 90, 30), (30, 90, 200)]])


@pytest.mark.parametrize("filled", [True, False])
@pytest.mark.parametrize("width", [2, 3, 4])
def test_a_bmp_of_runs_is_read_whether_or_not_its_rows_are_filled_up(width, filled):
    """ImageMagick fills them up to four bytes."""
    row_bytes = 4 if filled else width
    runs = b"".join(bytes([row_bytes, value, 0, 0]) for value in (2, 1)) + b"\0\1"
    palette = bytes(4) + bytes([30, 90, 200, 0]) + bytes([60, 50, 40, 0])
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 0, 0, 66, 40, width, 2, 1, 8, 1, 0, 0, 0, 3, 0)
    found = decode(head + palette + runs, "the data", MAX_PIXELS)
    np.testing.assert_array_equal(found, [[(200, 90, 30)] * width, [(40, 50, 60)] * width])


def test_a_png_whose_pixels_changed_on_the_way_is_refused_in_silence(photograph, capfd):
    data = bytearray(cv2.imencode(".png", photograph)[1].tobytes())
    assert refusal(bytes(data[: len(data) // 2])) == "truncated"
    data[len(data) // 2] ^= 1
    assert refusal(bytes(data)) == "truncated"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("chunk", [b"IHDR", b"PLTE"])
def test_a_png_whose_header_or_palette_changed_is_refused_in_silence(chunk, capfd):
    palette = b"".join(bytes((value, value, 0)) for value in range(256))
    data = bytearray(png(16, 16, 3, zlib.compress(bytes(17 * 16)), palette))
    assert decode(bytes(data), "the data", MAX_PIXELS).shape == (16, 16, 3)
    data[data.index(chunk) + 4 + 3] ^= 1
    assert refusal(bytes(data)) == "truncated"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff", ".bmp"])
def test_black_on_transparent_is_black_on_white(suffix):
    picture = np.zeros((32, 48, 4), np.uint8)
    picture[8:24, 8:24, 3] = 255
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    data = cv2.imencode(suffix, picture, options)[1].tobytes()
    if suffix == ".bmp" and data[14] < 108:
        pytest.skip("OpenCV before 4.7 writes a header that knows no transparency")
    found = decode(data, "the data", MAX_PIXELS)
    assert tuple(found[0, 0]) == (255, 255, 255) and tuple(found[16, 16]) == (0, 0, 0)


def test_half_transparent_is_half_white():
    data = cv2.imencode(".png", np.full((2, 2, 4), (0, 0, 200, 128), np.uint8))[1].tobytes()
    assert tuple(decode(data, "the data", MAX_PIXELS)[0, 0]) == (227, 127, 127)


def test_a_fourth_channel_that_was_left_empty_hides_nothing():
    data = cv2.imencode(".png", np.full((2, 2, 4), (0, 0, 200, 0), np.uint8))[1].tobytes()
    assert tuple(decode(data, "the data", MAX_PIXELS)[0, 0]) == (200, 0, 0)


def test_png_of_16_bits_in_colour_and_with_alpha():
    picture = np.full((4, 4, 4), (10 << 8, 20 << 8, 200 << 8, 65535), np.uint16)
    for channels in (3, 4):
        data = cv2.imencode(".png", picture[:, :, :channels])[1].tobytes()
        assert tuple(decode(data, "the data", MAX_PIXELS)[0, 0]) == (200, 20, 10)


def test_tiff_of_floats_is_stretched():
    picture = np.linspace(0, 1, 64 * 3).reshape(8, 8, 3).astype(np.float32)
    for pixels in (picture, picture[:, :, 0]):
        found = decode(cv2.imencode(".tiff", pixels)[1].tobytes(), "the data", MAX_PIXELS)
        assert found.shape == (8, 8, 3) and found.max() == 255 and found.min() == 0


TURNED = {1: "ab cd", 2: "ba dc", 3: "dc ba", 4: "cd ab", 5: "ac bd", 6: "ca db", 7: "db ca",
          8: "bd ac"}  # fmt: skip


@pytest.mark.parametrize("code", TURNED)
def test_orientation_turns_as_opencv_does(code):
    picture = np.array([[10, 80], [160, 250]], np.uint8).repeat(16, 0).repeat(24, 1)
    whole = cv2.imencode(".jpg", picture)[1].tobytes()
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHH", 8, 1, 274, 3, 1, code, 0)
    data = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + whole[2:]
    found = decode(data, "the data", MAX_PIXELS, rotate=True)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(found, expected)
    names = dict(zip((10, 80, 160, 250), "abcd", strict=True))
    height, width = found.shape[:2]
    corners = [[found[r, c, 0] for c in (4, width - 4)] for r in (4, height - 4)]
    read = " ".join(
        "".join(names[min(names, key=lambda grey: abs(grey - int(value)))] for value in row)
        for row in corners
    )
    assert read == TURNED[code]
    assert decode(data, "the data", MAX_PIXELS).shape == (32, 48, 3)


def png(width, height, colours, body, palette=b""):
    """A PNG of 8 bits whose deflated rows are given; `colours` is its colour type."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)),
              (b"PLTE", palette), (b"IDAT", body), (b"IEND", b"")]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
        if data or name == b"IEND"
    )


def png_bomb(side):
    """A PNG of zeros, whole and a thousandth of its pixels."""
    packer = zlib.compressobj(9)
    row = bytes(1 + side)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return png(side, side, 0, body)


def tiff_bomb(side):
    """A TIFF of one deflated strip of zeros."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(side)) for _ in range(side)) + packer.flush()
    entries = [(256, side), (257, side), (258, 8), (259, 8), (262, 1), (273, 8), (277, 1),
               (278, side), (279, len(body))]  # fmt: skip
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    directory = 8 + len(body)
    return (b"II*\0" + struct.pack("<I", directory) + body
            + struct.pack("<H", len(entries)) + tags + bytes(4))  # fmt: skip


_MEASURE = """
import resource, sys
from ros2_captioner.errors import FrameError
from ros2_captioner.images.decoding import decode
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(data, "the data", 64_000_000)
except FrameError as error:
    print(error.reason, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("kind", ["png", "tiff", "webp", "bmp", "gif", "ppm", "jpeg"])
def test_a_bomb_is_refused_before_it_takes_memory(kind, tmp_path):
    side = 12000
    data = {
        "png": lambda: png_bomb(side),
        "tiff": lambda: tiff_bomb(side),
        "webp": lambda: cv2.imencode(".webp", np.zeros((side, side, 3), np.uint8),
                                     [cv2.IMWRITE_WEBP_QUALITY, 1])[1].tobytes(),
        "bmp": lambda: b"BM" + bytes(12) + struct.pack("<IiiHH", 40, side, -side, 1, 24)
        + bytes(200),
        "gif": lambda: b"GIF89a" + struct.pack("<HH", side, side) + bytes(200),
        "ppm": lambda: b"P6\n# wide\n12000 12000\n255\n" + bytes(200),
        "jpeg": lambda: cv2.imencode(".jpg", np.zeros((side, side), np.uint8))[1].tobytes(),
    }[kind]()  # fmt: skip
    file = tmp_path / f"bomb.{kind}"
    file.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(file)], capture_output=True, text=True, check=True
    )
    reason, grown_kib = done.stdout.split()
    assert reason == "too_large" and int(grown_kib) < 4096
