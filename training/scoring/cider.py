"""CIDEr-D of one caption at a time, with document frequencies of the training captions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_LONGEST = 4
_SIGMA = 6.0

Words = Sequence[str]
Ngram = tuple[str, ...]


class _Vectors(NamedTuple):
    """TF-IDF weights of a caption's n-grams, for n = 1 to 4, their norms, and its length."""

    weights: list[dict[Ngram, float]]
    norms: list[float]
    words: int


class CiderReward:
    """CIDEr-D (Vedantam et al. 2015, section 4, as pycocoevalcap computes it), x1.

    pycocoevalcap takes document frequencies from the references that it scores; a reward for a
    batch needs those of the whole training split.

    Args:
        references: for every training image its tokenised captions.
    """

    def __init__(self, references: Sequence[Sequence[Words]]) -> None:
        self._references = references
        self._documents: Counter[Ngram] = Counter()
        for captions in references:
            self._documents.update({ngram for words in captions for ngram in _ngrams(words)})
        self._log_images = math.log(len(references))

    def score(self, image: int, hypotheses: Sequence[Words]) -> list[float]:
        """Score captions against the references of training image number ``image``."""
        references = [self._vectors(words) for words in self._references[image]]
        return [
            10 * sum(_similarity(self._vectors(words), one) for one in references) / len(references)
            for words in hypotheses
        ]

    def _vectors(self, words: Words) -> _Vectors:
        weights: list[dict[Ngram, float]] = [{} for _ in range(_LONGEST)]
        for ngram, count in Counter(_ngrams(words)).items():
            rarity = self._log_images - math.log(max(1, self._documents[ngram]))
            weights[len(ngram) - 1][ngram] = count * rarity
        norms = [math.sqrt(sum(w * w for w in one.values())) for one in weights]
        return _Vectors(weights, norms, len(words))


def _ngrams(words: Words) -> list[Ngram]:
    return [
        tuple(words[first : first + n])
        for n in range(1, _LONGEST + 1)
        for first in range(len(words) - n + 1)
    ]


def _similarity(hypothesis: _Vectors, reference: _Vectors) -> float:
    """Mean over n of the clipped cosine, with the Gaussian penalty on the lengths' difference."""
    total = 0.0
    for n in range(_LONGEST):
        scale = hypothesis.norms[n] * reference.norms[n]
        if scale == 0:
            continue
        theirs = reference.weights[n]
        shared = (
            min(weight, theirs[ngram]) * theirs[ngram]
            for ngram, weight in hypothesis.weights[n].items()
            if ngram in theirs
        )
        total += sum(shared) / scale
    apart = hypothesis.words - reference.words
    return total / _LONGEST * math.exp(-(apart**2) / (2 * _SIGMA**2))
