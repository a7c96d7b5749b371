"""Compressed TIFFs: whole ones of every shape, and those whose strips are damaged."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from ros2_captioner.errors import FrameError
from ros2_captioner.images.decoding import decode
from ros2_captioner.images.formats.tiff_directory import Tag, values_of
from ros2_captioner.images.formats.tiff_strips import are_whole

LZW, DEFLATE, PACKBITS, OLD_DEFLATE = 5, 8, 32773, 32946


def encoded(picture, compression):
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    try:
        return cv2.imencode(".tiff", picture, options)[1].tobytes()
    except cv2.error:
        if compression != PACKBITS:
            raise
        pytest.skip(f"OpenCV {cv2.__version__} does not write PackBits")


def tiff(order, strips, tags):
    """A TIFF whose directory lies in front; `strips` are its tiles if `tags` has their size."""
    places, counts = (324, 325) if 322 in tags else (273, 279)
    entries = {256: 64, 257: 48, 258: 8, 259: DEFLATE, 262: 1, places: 0, 277: 1, counts: 0, **tags}
    arrays = 8 + 2 + 12 * len(entries) + 4
    begins = np.cumsum([arrays + 8 * len(strips), *map(len, strips)])[:-1]
    directory = struct.pack(f"{order}H", len(entries))
    if len(strips) == 1:
        entries[places], entries[counts] = begins[0], len(strips[0])
    else:
        entries[places], entries[counts] = arrays, arrays + 4 * len(strips)
    for tag, value in sorted(entries.items()):
        count = len(strips) if tag in (places, counts) else 1
        directory += struct.pack(f"{order}HHII", tag, 4, count, value)
    numbers = struct.pack(f"{order}{2 * len(strips)}I", *begins, *map(len, strips))
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return head + directory + bytes(4) + numbers + b"".join(strips)


@pytest.mark.parametrize("compression", [1, LZW, DEFLATE, PACKBITS])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(1, 2), (2, 1), (1, 7), (7, 1), (31, 33), (48, 64), (501, 777)])
def test_whole_ones_are_read(size, channels, compression):
    noise = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    assert decode(encoded(noise, compression), "the data", 10**6).shape == (*size, 3)


@pytest.mark.parametrize("compression", [LZW, DEFLATE])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [8, 16])
def test_damaged_strips_are_refused(photograph, bits, channels, compression):
    picture = photograph[:, :639, :channels].astype(f"u{bits // 8}")
    data = bytearray(encoded(picture, compression))
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(0).bytes(2000)
    with pytest.raises(FrameError, match="expected a whole") as refused:
        decode(bytes(data), "the data", 10**6)
    assert refused.value.reason in ("truncated", "undecodable")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("size", "tags"),
    [
        (64 * 48, {278: 48}),
        (64 * 48, {278: 2**32 - 1, 259: OLD_DEFLATE}),
        (64 * 12, {278: 12}),
        (32 * 16, {322: 32, 323: 16}),
    ],
    ids=["a strip", "a strip without end", "strips", "tiles"],
)
def test_strips_and_tiles_that_end_early_are_refused(size, tags, order):
    rows = np.arange(64 * 48, dtype=np.uint8).tobytes()
    whole = [zlib.compress(rows[:size])] * (64 * 48 // size)
    assert decode(tiff(order, whole, tags), "the data", 10**6).shape == (48, 64, 3)
    early = [*whole[:-1], zlib.compress(rows[: size // 2])]
    assert not are_whole(tiff(order, early, tags))
    cut = tiff(order, whole, tags)[:-9]
    with pytest.raises(FrameError, match="cut or damaged TIFF; expected a whole one"):
        decode(cut, "the data", 10**6)


def test_tiles_that_the_picture_does_not_have_are_left_alone():
    """A thousand that are all the same bytes would take gigabytes."""
    tile, broken = zlib.compress(bytes(32 * 16)), [b"none"] * 50
    data = tiff("<", [*[tile] * 6, *broken], {322: 32, 323: 16})
    assert decode(data, "the data", 10**6).shape == (48, 64, 3)
    assert not are_whole(tiff("<", [*[tile] * 5, *broken], {322: 32, 323: 16}))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("extra", "pixel"), [(1, (100, 50, 0, 128)), (2, (200, 100, 0, 128))], ids=["multiplied", "not"]
)
def test_what_is_transparent_lies_on_white(extra, pixel, bits, order):
    table = np.full((48, 64, 4), pixel, np.uint8 if bits == 8 else f"{order}u2")
    table[0] = 255
    rows = (table * (257 if bits == 16 else 1)).astype(table.dtype).tobytes()
    tags = {258: bits, 262: 2, 277: 4, 338: extra}
    found = decode(tiff(order, [zlib.compress(rows)], tags), "the data", 10**6)
    np.testing.assert_allclose(found[1:].reshape(-1, 3), [(227, 177, 127)] * 47 * 64, atol=1)
    assert (found[0] == 255).all()


def test_an_alpha_that_was_left_empty_hides_nothing():
    table = np.full((48, 64, 4), (200 * 257, 90 * 257, 30 * 257, 0), "<u2")
    data = tiff("<", [zlib.compress(table.tobytes())], {258: 16, 262: 2, 277: 4, 338: 1})
    assert tuple(decode(data, "the data", 10**6)[0, 0]) == (200, 90, 30)


def test_wide_channels_that_lie_apart_are_refused():
    planes = [zlib.compress(bytes(2 * 64 * 48))] * 3
    tags = {258: 16, 262: 2, 277: 3, 278: 48, 284: 2}
    with pytest.raises(FrameError, match="channels lie apart.*expected them side by side"):
        decode(tiff("<", planes, tags), "the data", 10**6)


def test_channels_of_8_bits_that_lie_apart_are_read():
    planes = [zlib.compress(bytes([value]) * 64 * 48) for value in (200, 90, 30)]
    data = tiff("<", planes, {262: 2, 277: 3, 278: 48, 284: 2})
    assert tuple(decode(data, "the data", 10**6)[0, 0]) == (200, 90, 30)


def test_two_small_numbers_lie_in_the_entry_itself():
    data = b"II*\0" + struct.pack("<IHHHIHH", 8, 1, Tag.COUNTS, 3, 2, 10, 20)
    assert values_of(data, Tag.COUNTS) == (10, 20)


def test_tiles_without_a_size_are_refused():
    with pytest.raises(FrameError, match="expected a whole"):
        decode(tiff("<", [b""], {322: 0, 323: 0}), "the data", 10**6)


def test_a_directory_that_leads_nowhere_is_refused():
    assert not are_whole(tiff("<", [b"", b""], {278: 24})[:100])
