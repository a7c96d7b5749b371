"""The page with best and worst captions."""

import re

import pytest
from tiny import COLOURS, ROOT, images_of

from ros2_captioner.captioner import Captioner
from training.report import report


@pytest.fixture
def images(tiny_config):
    return images_of(tiny_config())


def test_best_come_first_and_worst_last_with_references_and_images(images):
    captioner = Captioner.load(ROOT / "ros2_captioner/models/default", device="cpu")
    page = report(captioner, images, 2, "tiny <val>")
    assert "tiny &lt;val&gt;" in page
    best, worst = page.split("<h2>Worst: inventions first</h2>")
    scores = [[float(s) for s in re.findall(r"CIDEr ([\d.]+) &", half)] for half in (best, worst)]
    assert scores[0] == sorted(scores[0], reverse=True) and len(scores[1]) == 2
    pictures = re.findall(r"<img src='data:image/jpeg;base64,\S+' alt='where the model", page)
    assert len(pictures) == 4
    assert page.startswith("<!doctype html>\n<html") and "<title>tiny &lt;val&gt;</title>" in page
    # The best by CIDEr may be among the worst by inventions.
    shown = re.findall(r"(\w+)\.png", page)
    assert len(shown) >= 4 and set(shown) <= set(COLOURS)


def test_the_caption_that_is_scored_is_the_one_that_is_shown(images, monkeypatch):
    captioner = Captioner.load(ROOT / "ros2_captioner/models/default", device="cpu")
    captioned, caption = [], captioner.caption

    def counted(frames, *options):
        captioned.extend(frames)
        return caption(frames, *options)

    monkeypatch.setattr(captioner, "caption", counted)
    report(captioner, images, 2, "tiny")
    assert len(captioned) == len(images)
