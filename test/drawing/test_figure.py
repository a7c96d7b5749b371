"""Where the model looked, as an image."""

import dataclasses
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from ros2_captioner.captions import Caption
from ros2_captioner.drawing.figure import attention_figure, stacked

IMAGE = np.full((48, 64, 3), 200, np.uint8)
PANEL, PANEL_WIDTH, TITLE = 180, 188, 34  # pixels


def caption_of(words, cell=(0, 0)):
    """All attention of every word in one cell."""
    attention = np.zeros((len(words), 7, 7), np.float32)
    attention[:, cell[0], cell[1]] = 1
    return Caption(" ".join(words), -1.0, tuple(words), (-0.5,) * len(words), attention)


@pytest.mark.parametrize("cell", [(0, 0), (6, 6), (0, 6)])
def test_the_image_is_lit_where_the_model_looked(cell):
    figure = attention_figure(IMAGE, caption_of(["a", "dog"], cell))
    plain, lit = (
        figure[TITLE : TITLE + PANEL, left : left + PANEL].mean(axis=2) for left in (0, PANEL_WIDTH)
    )
    assert (plain == 200).all()
    middle = tuple(round((place + 0.5) * PANEL / 7) for place in cell)
    opposite = tuple(PANEL - 1 - place for place in middle)
    assert lit[middle] > 150 and lit[opposite] < 60


def test_a_word_is_lit_by_its_own_maximum_and_tells_its_share(monkeypatch):
    labels, caption = [], caption_of(["dog"])
    bright = attention_figure(IMAGE, caption)[TITLE : TITLE + PANEL]
    caption.attention[:] *= 0.25
    np.testing.assert_array_equal(attention_figure(IMAGE, caption)[TITLE : TITLE + PANEL], bright)
    monkeypatch.setattr(cv2, "putText", lambda image, label, *_: labels.append(label))
    attention_figure(IMAGE, caption)
    assert "dog 25%" in labels


def test_an_image_is_shrunk_once_for_all_words(monkeypatch):
    """Of twelve megapixels it takes a tenth of a second."""
    resize = Mock(wraps=cv2.resize)
    monkeypatch.setattr(cv2, "resize", resize)
    attention_figure(IMAGE, caption_of(["a", "dog"]))
    assert sum(call.args[0] is IMAGE for call in resize.mock_calls) == 1


@pytest.mark.parametrize(("words", "rows"), [(1, 1), (6, 1), (7, 2), (20, 3)])
def test_a_figure_is_seven_panels_wide_and_as_high_as_it_must(words, rows):
    height, width, _ = attention_figure(IMAGE, caption_of(["dog"] * words)).shape
    assert width == 7 * PANEL_WIDTH and height == TITLE + rows * (PANEL + 26)


def test_confidence_and_objects_take_a_line_of_their_own():
    plain = caption_of(["a", "dog"])
    height = attention_figure(IMAGE, plain).shape[0]
    for told in ({"objects": (("dog", 0.9),), "confidence": 0.5}, {"confidence": 0.5}):
        figure = attention_figure(IMAGE, dataclasses.replace(plain, **told))
        assert figure.shape[0] == height + TITLE
        assert (figure[TITLE : 2 * TITLE] < 128).any()


def test_a_text_that_is_wider_than_the_figure_goes_on_in_a_second_line(monkeypatch):
    lines = []
    monkeypatch.setattr(cv2, "putText", lambda image, line, *_: lines.append(line))
    objects = tuple((f"{word}board", 0.9) for word in ("skate", "snow", "surf", "card") * 4)
    caption = dataclasses.replace(caption_of(["a", "motorcycle"] * 25), objects=objects)
    attention_figure(IMAGE, caption)
    assert f"{caption.text} sees skateboard 90%" in " ".join(lines)
    widths = [cv2.getTextSize(line, cv2.FONT_HERSHEY_DUPLEX, 0.65, 1)[0][0] for line in lines]
    assert max(widths) < 7 * PANEL_WIDTH


def test_figures_of_any_width_lie_below_each_other_on_white():
    narrow, wide = np.zeros((10, 20, 3), np.uint8), np.zeros((5, 30, 3), np.uint8)
    found = stacked([narrow, wide])
    assert found.shape[1] == 30 and found.dtype == np.uint8
    assert not found[:10, :20].any() and (found[:10, 20:] == 255).all()
    assert (found == 0).all(axis=(1, 2)).sum() == 5
