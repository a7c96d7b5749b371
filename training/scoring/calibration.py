"""Confidence that means something: fitted to truth, and measured against it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.captions import Caption
from ros2_captioner.evidence.confidence import FEATURES
from training.scoring.errors import MetricsError
from training.scoring.truth import invented

BINS = 10
CALIBRATION_ERROR = "calibration error"  # its name among the scores


def fit_confidence(
    features: Sequence[NDArray[np.float64]], true: Sequence[Sequence[bool]]
) -> dict[str, object]:
    """The section ``confidence`` of a manifest, see `ros2_captioner.evidence.confidence`.

    Args:
        features: for each source ``[N, F]`` of its N captions, in the order of `FEATURES`; all
            sources count alike, however large.
        true: of each caption, whether it names nothing that is absent.

    Raises:
        MetricsError: all captions are true, or none is: nothing tells them apart.
    """
    from sklearn.linear_model import LogisticRegression

    rows, labels = np.concatenate(features), np.concatenate([np.asarray(one) for one in true])
    if len(set(labels)) < 2:
        kind = "true" if all(labels) else "untrue"
        raise MetricsError(
            f"found {len(labels)} captions that are all alike, {kind}; expected some of both to "
            "fit a confidence on"
        )
    weight = np.concatenate([np.full(len(one), len(labels) / len(one)) for one in features])
    # Of unit deviation, so that the regularisation treats all features alike. One that is the
    # same of all captions, as the agreement is where the search has one beam, tells nothing.
    deviation = rows.std(axis=0)
    scale = np.where(deviation > 1e-9, deviation, np.inf)
    model = LogisticRegression(max_iter=1000).fit(rows / scale, labels, weight / len(features))
    weights = model.coef_[0] / scale
    return {
        "weights": {name: round(float(w), 6) for name, w in zip(FEATURES, weights, strict=True)},
        "bias": round(float(model.intercept_[0]), 6),
    }


class Bin(NamedTuple):
    """Captions of like confidence.

    Attributes:
        captions: how many.
        confidence: their mean, 0 to 1.
        true: share of them that name nothing that is absent.
    """

    captions: int
    confidence: float
    true: float


def reliability(confidences: Sequence[float], true: Sequence[bool]) -> list[Bin]:
    """Captions in `BINS` equal spans of confidence; spans without captions are left out."""
    found = np.asarray(confidences)
    truths = np.asarray(true)
    places = np.minimum((found * BINS).astype(int), BINS - 1)
    return [
        Bin(int(inside.sum()), float(found[inside].mean()), float(truths[inside].mean()))
        for inside in (places == place for place in range(BINS))
        if inside.any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance of confidence and truth over captions (Guo et al. 2017, section 2)."""
    captions = sum(one.captions for one in bins)
    return sum(one.captions * abs(one.confidence - one.true) for one in bins) / captions


def reliability_of(captions: Sequence[Caption], references: Sequence[Sequence[str]]) -> list[Bin]:
    """Captions in spans of confidence, see `reliability`; none if they do not tell it."""
    confidences = [caption.confidence for caption in captions if caption.confidence is not None]
    if len(confidences) < len(captions):
        return []
    true = [
        not invented(caption.text, texts)
        for caption, texts in zip(captions, references, strict=True)
    ]
    return reliability(confidences, true)


def calibration_values(
    captions: Sequence[Caption], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """The calibration error of captions that tell a confidence, by its name; else nothing."""
    bins = reliability_of(captions, references)
    return {CALIBRATION_ERROR: calibration_error(bins)} if bins else {}


def kept(confidences: Sequence[float], share: float) -> float:
    """The confidence, in whole hundredths, that so large a share of the captions has or exceeds.

    Rounded down: rounded up, as it is typed, it would keep fewer, of sure captions none.
    """
    return math.floor(100 * np.quantile(confidences, 1 - share)) / 100
