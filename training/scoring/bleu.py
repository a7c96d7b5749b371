"""BLEU-4 of one caption at a time, for rewards."""

from __future__ import annotations

from collections.abc import Sequence

from pycocoevalcap.bleu.bleu_scorer import BleuScorer

from training.scoring.cider import Words


def bleu_4(hypotheses: Sequence[Words], references: Sequence[Words]) -> list[float]:
    """BLEU-4, x1, of several captions of one image, each by itself, as pycocoevalcap computes it.

    Args:
        hypotheses: tokenised captions.
        references: of the image, tokenised.
    """
    scorer = BleuScorer(n=4)
    expected = [" ".join(words) for words in references]
    for words in hypotheses:
        scorer += (" ".join(words), expected)
    _, by_order = scorer.compute_score(option="closest", verbose=0)
    return [float(score) for score in by_order[-1]]
