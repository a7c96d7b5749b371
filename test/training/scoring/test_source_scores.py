"""All that is measured of a source."""

from pathlib import Path

import pytest

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captions import Caption
from training.data.captions import CaptionedImage
from training.scoring.calibration import CALIBRATION_ERROR
from training.scoring.metrics import cider_error
from training.scoring.source_scores import score_source

TEXTS = ["a dog runs", "a cat"]
REFERENCES = [("a dog runs fast",), ("a dog sits",)]
STATISTICS = {"distinct", "words", "repeated bigrams"}


def scored(images, confidence=None):
    captions = [Caption(text, -1.0, (), (), None, confidence=confidence) for text in TEXTS]
    return score_source("own", "val", images, captions, DecodingOptions())


def test_captions_are_scored_with_their_error_and_their_truth(monkeypatch):
    monkeypatch.setenv("PATH", "")  # METEOR takes ten seconds
    images = [CaptionedImage(Path("a.jpg"), captions) for captions in REFERENCES]
    found = scored(images)
    assert found.texts == TEXTS and found.values["CHAIR_i"] == 1 / 2
    assert found.values["CIDEr error"] == cider_error(TEXTS, REFERENCES) > 0
    assert STATISTICS | {"CIDEr", "BLEU-4", "people invented"} <= found.values.keys()
    assert "METEOR" not in found.values and CALIBRATION_ERROR not in found.values
    assert ", plain tokeniser, own val, 2 images, " in found.signature
    # Of two captions one names what is not there.
    assert scored(images, confidence=0.9).values[CALIBRATION_ERROR] == pytest.approx(0.4)


def test_listed_objects_tell_of_people_alone():
    found = scored([CaptionedImage(Path("a.jpg"), objects=frozenset({"wall"}))] * 2)
    assert found.values.keys() == STATISTICS | {"people invented"}
    assert ", no tokeniser, own val, 2 images, " in found.signature
