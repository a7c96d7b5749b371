"""The reward against pycocoevalcap, the reference."""

import random

import pytest
from pycocoevalcap.cider.cider import Cider

from training.scoring.cider import CiderReward

WORDS = [
    "a",
    "the",
    "dog",
    "man",
    "runs",
    "sits",
    "on",
    "grass",
    "with",
    "red",
    "ball",
    "in",
    "front",
    "of",
    "water",
]


def caption(source):
    return [source.choice(WORDS) for _ in range(source.randint(1, 14))]


def test_equals_pycocoevalcap_where_the_document_frequencies_are_the_same():
    source = random.Random(1)
    references = [[caption(source) for _ in range(5)] for _ in range(30)]
    hypotheses = [caption(source) for _ in range(30)]
    _, expected = Cider().compute_score(
        {i: [" ".join(words) for words in captions] for i, captions in enumerate(references)},
        {i: [" ".join(words)] for i, words in enumerate(hypotheses)},
    )
    reward = CiderReward(references)
    found = [reward.score(image, [words])[0] for image, words in enumerate(hypotheses)]
    assert found == pytest.approx(expected.tolist(), abs=1e-6)


def test_an_empty_caption_scores_nothing():
    assert CiderReward([[["a", "dog"]], [["a", "cat"]]]).score(0, [[]]) == [0.0]
