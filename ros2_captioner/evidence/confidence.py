"""How probable it is that a caption names nothing that is absent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.beam_search import Hypothesis
from ros2_captioner.evidence.objects import ObjectWords

FEATURES = (
    "least_object",  # probability of the least probable object that is named; 1 if none is
    "log_objects",  # sum of the logarithms of all their probabilities
    "objects",  # how many are named
    "least_log_prob",  # of the words that name them, nats; 0 if there are none
    "mean_log_prob",  # of all words, nats
    "agreement",  # share of objects in common with the search's other captions, 0 to 1
)
_FLOOR = 1e-3  # probabilities below it are alike


def confidence_features(
    hypotheses: Sequence[Hypothesis], evidence: NDArray[np.float32], objects: ObjectWords
) -> NDArray[np.float64]:
    """What the confidence of the best hypothesis is told from, in the order of `FEATURES`.

    Args:
        hypotheses: of the search, best first, at least one.
        evidence: float32 ``[V]`` for each word of the vocabulary, nats.
        objects: the words that name objects.

    Returns:
        float64 ``[6]``.
    """
    best, *others = hypotheses
    probabilities = objects.probabilities(evidence)
    pairs = [
        (place, log_prob)
        for place, log_prob in zip(objects.named(list(best.ids)), best.log_probs, strict=True)
        if place is not None
    ]
    found = [float(probabilities[place]) for place, _ in pairs]
    named = {place for place, _ in pairs}
    return np.array(
        [
            min(found, default=1.0),
            sum(math.log(max(p, _FLOOR)) for p in found),
            len(found),
            min((float(log_prob) for _, log_prob in pairs), default=0.0),
            float(np.mean(best.log_probs)) if len(best.log_probs) else 0.0,
            _agreement(named, [set(objects.named(list(other.ids))) - {None} for other in others]),
        ]
    )


def _agreement(named: set[int], others: Sequence[set[int | None]]) -> float:
    """Mean share of the objects of two captions that both name; 1 where neither names any."""
    shares = [len(named & other) / len(named | other) if named | other else 1.0 for other in others]
    return sum(shares) / len(shares) if shares else 1.0


@dataclass(frozen=True)
class ConfidenceModel:
    """Logistic regression on `FEATURES`, fitted on validation images.

    Attributes:
        weights: one a feature.
        bias: added to their sum.
    """

    weights: tuple[float, ...]
    bias: float

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> ConfidenceModel | None:
        """As the manifest's section ``confidence`` holds it; None if there is none."""
        section = manifest.get("confidence")
        if section is None:
            return None
        return cls(tuple(section["weights"][name] for name in FEATURES), section["bias"])

    def probability(self, features: NDArray[np.float64]) -> float:
        """0 to 1 for one caption."""
        logit = float(features @ np.asarray(self.weights)) + self.bias
        return 0.5 * (1 + math.tanh(0.5 * logit))  # the logistic function, without overflow
