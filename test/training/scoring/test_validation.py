"""Scores of an epoch over several sources."""

from pathlib import Path

import pytest

from training.data.captions import CaptionedImage
from training.scoring.validation import validation_scores

PARK = ("a dog runs on the grass", "a brown dog runs in a park")
TABLE = ("a cup stands on a wooden table", "a white cup on the table")


def images(*captions):
    return [CaptionedImage(Path("x.jpg"), of) for of in captions]


def test_sources_are_scored_apart_and_count_alike():
    sources = {
        "good": images(PARK, TABLE),
        "rooms": [CaptionedImage(Path("r.jpg"), objects=frozenset({"wall"}))],
        "bad": images(TABLE, PARK, PARK),
    }
    texts = [PARK[0], TABLE[0], "a man in a room", "many people", "water", "a man and a dog"]
    found = validation_scores(sources, texts)
    alone = {
        name: validation_scores({name: sources[name]}, of)
        for name, of in (("good", texts[:2]), ("bad", texts[3:]))
    }
    for metric in ("CIDEr", "BLEU-1", "BLEU-4", "ROUGE-L"):
        each = [alone[name][metric] for name in ("good", "bad")]
        assert each[0] > each[1]
        assert found[metric] == pytest.approx(sum(each) / 2)
    assert found["CIDEr good"] == alone["good"]["CIDEr"]
    assert found["CIDEr bad"] == alone["bad"]["CIDEr"]
    assert found["people invented good"] == 0
    assert found["people invented rooms"] == 1
    assert found["people invented bad"] == pytest.approx(2 / 3)
    assert found["CHAIR_i bad"] == pytest.approx(2 / 3)
    assert "CIDEr rooms" not in found and "CHAIR_i rooms" not in found
