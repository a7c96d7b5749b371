"""Which images count as the same, and which do not."""

import cv2
import numpy as np
import pytest

from training.data.image_check import same_images, small_version


def noise(seed, side=96):
    cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return cv2.resize(cells, (side, side), interpolation=cv2.INTER_CUBIC)


def on_white(shape, colour):
    image = np.full((240, 320, 3), 255, np.uint8)
    if shape == "disc":
        cv2.circle(image, (160, 120), 30, colour, -1)
    else:
        cv2.rectangle(image, (140, 80), (180, 160), colour, -1)
    return image


def same(one, other):
    return bool(same_images(small_version(one)[None], small_version(other)[None]))


def test_images_are_told_apart_in_any_number():
    small = np.stack([small_version(noise(seed)) for seed in range(1500)])  # more than one block
    assert same_images(small, small) == [(place, place) for place in range(1500)]


@pytest.mark.parametrize(("quality", "scale"), [(95, 1.0), (40, 1.0), (75, 0.5), (75, 2.0)])
@pytest.mark.parametrize("image", [noise(1, 240), on_white("disc", (20, 60, 200))])
def test_another_compression_or_size_is_the_same(image, quality, scale):
    other = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", other, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    assert same(image, cv2.imdecode(encoded, cv2.IMREAD_COLOR))


def test_objects_on_white_are_not_the_same():
    red_disc = on_white("disc", (200, 30, 30))
    assert not same(red_disc, on_white("box", (200, 30, 30)))
    assert not same(red_disc, on_white("disc", (30, 30, 200)))
    assert not same(red_disc, np.full_like(red_disc, 255))


def test_a_flat_image_is_the_same_as_itself_only():
    grey = np.full((64, 64, 3), 128, np.uint8)
    assert same(grey, grey.copy()) and not same(grey, grey + 60)


def test_another_light_or_something_new_is_another_image():
    """As of two frames of one video."""
    room = np.clip(noise(1), 60, 190)
    assert not same(room, room + 15)
    thing = room.copy()
    thing[30:36, 30:36] -= 55  # one cell of the small version
    assert not same(room, thing)


PASTELS = ((200, 200, 235), (200, 235, 200))


def faint(draw, paper=255):
    canvas = np.full((400, 400, 3), paper, np.uint8)
    draw(canvas)
    return canvas


@pytest.mark.parametrize(
    "pair",
    [
        [
            faint(lambda c, x=x: cv2.rectangle(c, (x, x), (x + 60, x + 60), (0,) * 3))
            for x in (20, 300)
        ],
        [faint(lambda c, p=p: cv2.circle(c, (200, 200), 60, p, -1)) for p in PASTELS],
        [faint(lambda c, x=x: cv2.circle(c, (x, x), 12, (60,) * 3, -1), 20) for x in (60, 330)],
    ],
    ids=["line drawings", "pastel discs", "lamps at night"],
)
def test_faint_shapes_tell_images_apart(pair):
    one, other = (small_version(image)[None] for image in pair)
    assert same_images(one, other) == []
    again = cv2.imdecode(cv2.imencode(".jpg", cv2.resize(pair[0], (230, 230)))[1], 1)
    assert same_images(one, small_version(again)[None]) == [(0, 0)]
