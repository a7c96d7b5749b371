"""Fitting a confidence, and measuring it."""

import numpy as np
import pytest

from ros2_captioner.evidence.confidence import FEATURES, ConfidenceModel
from training.scoring.calibration import calibration_error, fit_confidence, kept, reliability
from training.scoring.errors import MetricsError


def test_fitted_confidence_is_the_share_of_true_captions():
    generator = np.random.default_rng(0)
    features = generator.normal(scale=150, size=(4000, len(FEATURES)))
    chance = 1 / (1 + np.exp(-(0.01 * features[:, 3] - 0.5)))
    true = generator.random(4000) < chance
    model = ConfidenceModel.of_manifest({"confidence": fit_confidence([features], [list(true)])})
    found = [model.probability(row) for row in features]
    assert np.abs(np.array(found) - chance).mean() < 0.03
    assert calibration_error(reliability(found, list(true))) < 0.03


def test_a_feature_that_is_the_same_of_all_captions_spoils_nothing():
    """As the agreement is, where the search has one beam."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(4000, len(FEATURES)))
    features[:, FEATURES.index("agreement")] = 1.0
    chance = 1 / (1 + np.exp(-(1.5 * features[:, 3] - 0.5)))
    true = list(generator.random(4000) < chance)
    section = fit_confidence([features], [true])
    found = [ConfidenceModel.of_manifest({"confidence": section}).probability(f) for f in features]
    assert np.abs(np.array(found) - chance).mean() < 0.03
    assert section["weights"]["agreement"] == 0


def test_captions_that_are_all_alike_are_refused():
    with pytest.raises(MetricsError, match="all alike, true"):
        fit_confidence([np.zeros((3, len(FEATURES)))], [[True] * 3])


def test_bins_and_their_error():
    bins = reliability([0.92, 0.98, 0.15, 1.0], [True, False, True, True])
    assert [one.captions for one in bins] == [1, 3]
    assert bins[1].confidence == pytest.approx(0.9667, abs=1e-3)
    assert bins[1].true == pytest.approx(2 / 3)
    # (1 * |.15 - 1| + 3 * |.9667 - .6667|) / 4: neither makes up for the other
    assert calibration_error(bins) == pytest.approx((0.85 + 3 * 0.3) / 4, abs=1e-6)


def test_the_confidence_that_keeps_a_share():
    confidences = [place / 100 for place in range(101)]
    assert kept(confidences, 0.7) == pytest.approx(0.3)
    # What is printed with two digits keeps as many, also when captions are surer than 0.995.
    assert kept([0.996, 0.997, 0.998], 0.7) == 0.99
    assert kept([0.256, 0.257, 0.9], 0.7) == 0.25


def test_a_small_source_counts_as_much_as_a_large_one():
    generator = np.random.default_rng(1)
    features = [generator.normal(size=(size, len(FEATURES))) for size in (3000, 300)]
    # Nothing but the source decides: a tenth of the large one is untrue, half of the small one.
    true = [list(generator.random(3000) < 0.9), list(generator.random(300) < 0.5)]
    model = ConfidenceModel.of_manifest({"confidence": fit_confidence(features, true)})
    found = np.mean([model.probability(row) for row in np.concatenate(features)])
    assert found == pytest.approx(0.7, abs=0.05)
