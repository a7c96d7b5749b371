"""Metrics against known answers, and the traps around them."""

import math
import shutil
import sys
import urllib.error

import pytest

from training.scoring.metrics import (
    MetricsError,
    caption_statistics,
    check_pairs,
    cider_error,
    plain_tokens,
    ptb_tokens,
    score_captions,
    score_tokens,
    spice,
)

HYPOTHESES = ["a man is speaking", "rain falls"]
REFERENCES = [
    [
        "a man speaks.",
        "someone speaks.",
        "a man is speaking while a bird is chirping in the background",
    ],
    ["rain is falling hard on a surface"],
]
KNOWN = {
    "CIDEr": 0.96135,
    "BLEU-1": 0.42785,
    "BLEU-2": 0.40589,
    "BLEU-3": 0.43897,
    "BLEU-4": 0.45650,
    "ROUGE-L": 0.48707,
}
TOKENISERS = [
    plain_tokens,
    pytest.param(
        ptb_tokens, marks=pytest.mark.skipif(not shutil.which("java"), reason="needs Java")
    ),
]


@pytest.mark.parametrize("tokens", TOKENISERS)
def test_known_answers_to_five_digits(tokens):
    scores = score_tokens(tokens([[text] for text in HYPOTHESES]), tokens(REFERENCES))
    assert scores == {name: pytest.approx(value, abs=5e-6) for name, value in KNOWN.items()}


@pytest.mark.skipif(not shutil.which("java"), reason="needs Java")
def test_meteor_survives_an_empty_caption():
    tokens = plain_tokens([["a man is speaking"], [""]])
    scores = score_tokens(tokens, plain_tokens(REFERENCES), meteor=True)
    assert 0.1 < scores["METEOR"] < 1


@pytest.mark.parametrize(
    ("hypotheses", "references"),
    [(["a"], [["a"], ["b"]]), (["a\nb"], [["a"]]), (["a"], [[]])],
)
def test_what_would_score_wrongly_is_refused(hypotheses, references):
    with pytest.raises(MetricsError):
        check_pairs(hypotheses, references)


def test_missing_java_says_what_to_type(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MetricsError, match="apt install"):
        ptb_tokens([["a"]])


def test_without_java_the_other_metrics_are_the_same(monkeypatch):
    monkeypatch.setenv("PATH", "")
    scores = score_captions(HYPOTHESES, REFERENCES)
    assert scores.tokeniser == "plain"
    assert scores.values == {name: pytest.approx(v, abs=5e-6) for name, v in KNOWN.items()}


JAVA = """#!{python}
import json, sys
if "fail" in open(sys.argv[4]).read():
    sys.exit(3)
pictures = json.load(open(sys.argv[4]))
scores = [{{"f": len(p["refs"]) / 10}} for p in pictures]
results = [{{"image_id": p["image_id"], "scores": {{"All": s}}}} for p, s in zip(pictures, scores)]
json.dump(results, open(sys.argv[sys.argv.index("-out") + 1], "w"))
"""


@pytest.fixture
def parser(tmp_path, monkeypatch):
    """In place of SPICE's Java, which reads and writes files of this form."""
    java = tmp_path / "java"
    java.write_text(JAVA.format(python=sys.executable))
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("pycocoevalcap.spice.spice.get_stanford_models", lambda: None)


def test_spice_goes_through_its_parser(parser):
    references = {"0": ["a", "b", "c"], "1": ["d"]}
    assert spice({"0": ["a"], "1": ["b"]}, references) == pytest.approx(0.2)


def test_a_failing_parser_of_spice_says_what_it_needs(parser):
    with pytest.raises(MetricsError, match="status 3; expected Java 8"):
        spice({"0": ["fail"]}, {"0": ["a"]})


def test_models_of_spice_that_cannot_be_fetched_are_named(parser, monkeypatch):
    def offline():
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("pycocoevalcap.spice.spice.get_stanford_models", offline)
    with pytest.raises(MetricsError, match="nlp.stanford.edu"):
        spice({"0": ["a"]}, {"0": ["a"]})


def test_repetition_and_variety_are_counted():
    found = caption_statistics(["a dog and a dog", "a dog and a dog", "a cat"])
    assert found["distinct"] == 2 and found["words"] == 4
    assert found["repeated bigrams"] == pytest.approx(2 / 9)


def test_the_error_of_cider_is_that_of_its_mean_over_pictures():
    one, other = 1.36405, 0.55865
    assert cider_error(HYPOTHESES, REFERENCES) == pytest.approx((one - other) / 2, abs=1e-5)


def test_of_a_single_picture_the_error_is_not_known():
    assert math.isnan(cider_error(HYPOTHESES[:1], REFERENCES[:1]))
