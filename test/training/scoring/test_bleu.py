"""BLEU-4 as a reward against pycocoevalcap's corpus score of a single caption."""

import contextlib
import io

import pytest
from pycocoevalcap.bleu.bleu import Bleu

from training.scoring.bleu import bleu_4

REFERENCES = [
    text.split()
    for text in ("a dog runs on the grass .", "the brown dog runs over the green grass in a park .")
]


@pytest.mark.parametrize(
    "text",
    [
        "a dog runs on the grass .",
        "a dog runs over green",
        "a cat",
        "the brown dog runs over the green grass in a",  # nearer to the longest reference
    ],
)
def test_each_caption_scores_as_a_corpus_of_its_own(text):
    with contextlib.redirect_stdout(io.StringIO()):
        expected, _ = Bleu(4).compute_score(
            {0: [" ".join(words) for words in REFERENCES]}, {0: [text]}, verbose=0
        )
    alone = bleu_4([text.split()], REFERENCES)
    assert alone == pytest.approx([expected[3]], abs=1e-9)
    assert bleu_4([["a", "dog"], text.split()], REFERENCES)[1:] == alone


def test_a_caption_that_is_a_reference_scores_one():
    assert bleu_4([REFERENCES[0]], REFERENCES) == pytest.approx([1.0])
