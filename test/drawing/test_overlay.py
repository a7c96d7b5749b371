"""The caption on the image."""

import cv2
import numpy as np
import pytest

from ros2_captioner.drawing.overlay import draw_caption, wrapped

LONG = "a man in a red shirt and a woman in a blue dress are standing in front of a large building"


def rows_written(image, text):
    """Rows with white text."""
    return (draw_caption(image, text).min(axis=2) > 200).any(axis=1)


@pytest.mark.parametrize("size", [(240, 320), (480, 640), (1080, 1920), (1080, 300), (60, 800)])
def test_text_lies_inside_a_band_at_the_bottom(size):
    image = np.full((*size, 3), 128, np.uint8)
    drawn = draw_caption(image, LONG)
    assert drawn.shape == image.shape and (image == 128).all()
    assert (drawn[0] == 128).all() or size[0] < 100
    white = drawn.min(axis=2) > 200
    assert (drawn[-1] < 64).all()
    assert white.any() and not white[:, [0, -1]].any() and not white[[0, -1]].any()


@pytest.mark.parametrize("size", [(1080, 1920), (3000, 4000)])
def test_the_thick_characters_of_a_large_image_keep_to_its_width(size, monkeypatch):
    widths = []

    def put(image, line, place, font, scale, colour, thickness, *_):
        widths.append(place[0] + cv2.getTextSize(line, font, scale, thickness)[0][0])

    monkeypatch.setattr(cv2, "putText", put)
    for words in range(9, 20):
        draw_caption(np.zeros((*size, 3), np.uint8), LONG[words:])
    assert max(widths) < size[1]


def test_long_captions_take_more_lines():
    image = np.full((480, 640, 3), 128, np.uint8)
    assert rows_written(image, LONG).sum() > 1.5 * rows_written(image, "a dog").sum()


@pytest.mark.parametrize("size", [(1, 1), (5, 5), (20, 2000)])
def test_tiny_images_survive(size):
    assert draw_caption(np.zeros((*size, 3), np.uint8), LONG).shape == (*size, 3)


def test_an_empty_caption_is_drawn_as_an_empty_band():
    assert not rows_written(np.full((240, 320, 3), 128, np.uint8), "").any()


@pytest.mark.parametrize("text", [LONG, "\u72d7" * 40])
@pytest.mark.parametrize(
    ("size", "cut"), [((48, 64), True), ((20, 200), True), ((240, 320), False)]
)
def test_a_caption_that_is_cut_does_not_read_as_a_whole_one(text, size, cut, monkeypatch):
    lines = []
    monkeypatch.setattr(cv2, "putText", lambda image, line, *_: lines.append(line))
    draw_caption(np.zeros((*size, 3), np.uint8), text)
    written = (" " if " " in text else "").join(lines)
    assert written.endswith(" ...") == cut
    assert text.startswith(written.removesuffix(" ..."))
    widths = [cv2.getTextSize(line, cv2.FONT_HERSHEY_DUPLEX, 0.4, 1)[0][0] for line in lines]
    assert max(widths) < size[1]


def test_a_caption_is_cut_between_words():
    for width in range(80, 400, 20):
        (line,) = wrapped(LONG, 0.4, width, most=1)
        assert LONG.startswith(line.removesuffix("..."))


@pytest.mark.parametrize("text", ["\u72d7" * 40, "a " + "\u72d7" * 30, "transportation " * 3])
def test_words_that_are_wider_than_the_image_go_on_in_the_next_line(text, monkeypatch):
    lines, baselines = [], []

    def put(image, line, place, *_):
        lines.append(line)
        baselines.append(place[1])

    monkeypatch.setattr(cv2, "putText", put)
    draw_caption(np.zeros((640, 80, 3), np.uint8), text)
    assert baselines == sorted(set(baselines))
    assert len(lines) > 2 and "".join(lines).split() == text.replace(" ", "").split()
    widths = [cv2.getTextSize(line, cv2.FONT_HERSHEY_DUPLEX, 0.4, 1)[0][0] for line in lines]
    assert max(widths) < 80
