"""Metrics against known answers, and the traps around them."""

import math
import random
import shutil
import sys
import urllib.error

import pytest
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.options import declarations
from training.scoring.errors import MetricsError
from training.scoring.java import require_java
from training.scoring.metrics import (
    caption_statistics,
    check_pairs,
    cider_error,
    one_line,
    plain_tokens,
    ptb_tokens,
    score_captions,
    score_tokens,
    signature,
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


LINE_BREAKS = [*"\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", "\r\n"]
SPACES = [*LINE_BREAKS, "\t", "  ", "\xa0", "\u2003", "\u3000"]
STRANGE = """a man dog's runs café Straße läuft on the grass; two-wheeled can't don't isn't 'quoted'
3.5 (red) 犬 走る “no” it\u2019s ||| ... -LRB- naïve e\u0301 \ud800 \x00 🐕 N.Y. $5 a/b"""


def strange_captions(seed, count):
    chance = random.Random(seed)
    words = STRANGE.split()
    return [
        "".join(chance.choice(words) + chance.choice([" ", " ", *SPACES]) for _ in range(length))
        for length in (chance.randint(1, 15) for _ in range(count))
    ]


@pytest.mark.skipif(not shutil.which("java"), reason="needs Java")
def test_strange_spaces_and_letters_score_as_pycocoevalcap_scores_clean_text(monkeypatch):
    """500 pairs whose references hold line breaks of every kind."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dfile.encoding=UTF-8")  # theirs leaves it to chance
    hypotheses = ["", *strange_captions(0, 499)]
    references = [strange_captions(seed, 1 + seed % 5) for seed in range(1, 501)]
    clean = str.maketrans({"\ud800": "?", **dict.fromkeys("".join(LINE_BREAKS), " ")})
    theirs = PTBTokenizer()
    expected = [
        theirs.tokenize(
            {
                str(place): [
                    {"caption": " ".join(text.translate(clean).replace("走る", "走 る").split())}
                    for text in texts
                ]
                for place, texts in enumerate(captions)
            }
        )
        for captions in ([[text] for text in hypotheses], references)
    ]
    scores = score_captions(hypotheses, references).values
    known = score_tokens(*expected)
    assert {name: scores[name] for name in known} == pytest.approx(known, abs=1e-6)
    # pycocoevalcap leaves the separators of METEOR's protocol in references, and empty captions.
    found, wanted = (
        {key: [one.replace("|||", "") for one in texts] for key, texts in tokens.items()}
        for tokens in expected
    )
    found = {key: [texts[0] or "."] for key, texts in found.items()}
    meteor = Meteor().compute_score(wanted, found)[0]
    assert scores["METEOR"] == pytest.approx(meteor, abs=1e-6)


@pytest.mark.parametrize("space", SPACES)
def test_a_space_of_any_kind_is_one_space(space):
    assert one_line(f"{space}a dog{space}runs{space}") == "a dog runs"


@pytest.mark.skipif(not shutil.which("java"), reason="needs Java")
@pytest.mark.parametrize("space", LINE_BREAKS)
def test_a_line_break_in_one_reference_moves_no_other(space):
    broken = [[text.replace(" ", space, 1) for text in REFERENCES[0]], *REFERENCES[1:]]
    assert ptb_tokens(broken) == ptb_tokens(REFERENCES)


@pytest.fixture
def java(tmp_path, monkeypatch):
    """Puts a shell script in the place of Java."""

    def install(script):
        file = tmp_path / "java"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    return install


def test_a_java_that_cannot_start_is_an_error(java):
    java("echo 'Error: no memory' >&2; exit 1")
    with pytest.raises(MetricsError, match=r"status 1 and said 'Error: no memory'; expected"):
        require_java()
    with pytest.raises(MetricsError, match="PTBTokenizer.*status 1"):
        score_captions(HYPOTHESES, REFERENCES)
    tokens = plain_tokens([[text] for text in HYPOTHESES])
    with pytest.raises(MetricsError, match="meteor.*status 1"):
        score_tokens(tokens, plain_tokens(REFERENCES), meteor=True)


def test_a_java_that_never_ends_is_an_error(java, monkeypatch):
    monkeypatch.setattr("training.scoring.java._START_S", 0.2)
    java("exec sleep 600")
    with pytest.raises(MetricsError, match="not finished after"):
        score_captions(HYPOTHESES, REFERENCES)


def test_a_tokeniser_that_loses_a_line_is_an_error(java):
    java("head -n 1")
    with pytest.raises(MetricsError, match="made 1 lines of 2 captions"):
        score_captions(HYPOTHESES, REFERENCES)


@pytest.mark.parametrize(
    ("hypotheses", "references"),
    [(["a"], [["a"], ["b"]]), (["a"], [[]]), ([], [])],
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
if "-version" in sys.argv:
    sys.exit()
if "fail" in open(sys.argv[4]).read():
    sys.exit(3)
images = json.load(open(sys.argv[4]))
scores = [{{"f": len(p["refs"]) / 10}} for p in images]
results = [{{"image_id": p["image_id"], "scores": {{"All": s}}}} for p, s in zip(images, scores)]
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


def test_the_error_of_cider_is_that_of_its_mean_over_images():
    one, other = 1.36405, 0.55865
    assert cider_error(HYPOTHESES, REFERENCES) == pytest.approx((one - other) / 2, abs=1e-5)


def test_of_a_single_image_the_error_is_not_known():
    assert math.isnan(cider_error(HYPOTHESES[:1], REFERENCES[:1]))


def test_a_signature_tells_every_option_that_decides_on_a_caption():
    changed = {
        "beam_width": 1,
        "length_penalty": 0.0,
        "min_length": 4,
        "max_length": 9,
        "no_repeat_ngram": 0,
        "no_repeat_objects": False,
        "never_last": ("a dog", "the"),
        "banned_words": ("cat", "hot dog"),
    }
    assert {*changed, "num_alternatives"} == {each.name for each in declarations(DecodingOptions)}
    searches = [DecodingOptions(), *(DecodingOptions(**{k: v}) for k, v in changed.items())]
    signatures = {signature("val", 9, search, "PTB") for search in searches}
    assert len(signatures) == len(searches)
    assert signature("coco val", 9, DecodingOptions(**changed), "PTB").endswith(
        "beam 1, length penalty 0, 4 to 9 words, repeats allowed, last never a dog/the, "
        "never cat/hot dog, scores x1"
    )
    nothing = DecodingOptions(never_last=("",))  # as typed for no words
    assert "never" not in signature("coco val", 9, nothing, "PTB")
