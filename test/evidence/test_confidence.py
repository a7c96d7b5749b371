"""Confidence of a caption from the objects that it names."""

import math

import numpy as np
import pytest

from ros2_captioner.beam_search import Hypothesis
from ros2_captioner.evidence.confidence import FEATURES, ConfidenceModel, confidence_features
from ros2_captioner.evidence.objects import ObjectWords
from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "car", "runs"])
PRIORS = {"dog": {"dog": math.log(0.1)}, "car": {"car": math.log(0.2)}}
OBJECTS = ObjectWords(PRIORS, VOCABULARY)
EVIDENCE = np.log(np.array([1, 1, 1, 1, 8, 1, 1], np.float32))  # dog .8, car .2


def hypothesis(text, *log_probs):
    ids = VOCABULARY.encode(text.split())
    attention = np.zeros((len(ids), 4), np.float32)
    return Hypothesis(tuple(ids), np.array(log_probs, np.float32), -1.0, attention)


def features(*hypotheses):
    found = confidence_features(hypotheses, EVIDENCE, OBJECTS)
    return dict(zip(FEATURES, found, strict=True))


def test_features_are_of_the_objects_that_the_caption_names():
    found = features(hypothesis("a dog runs a car", -0.1, -0.5, -0.3, -0.1, -2.0))
    assert found["least_object"] == pytest.approx(0.2, rel=1e-4)
    assert found["log_objects"] == pytest.approx(math.log(0.8 * 0.2), rel=1e-4)
    assert found["objects"] == 2 and found["least_log_prob"] == -2.0
    assert found["mean_log_prob"] == pytest.approx(-0.6)


def test_an_object_of_which_there_is_no_trace_has_a_logarithm():
    evidence = np.where(np.array(VOCABULARY.words) == "dog", np.float32(-1e4), EVIDENCE)
    found = confidence_features([hypothesis("a dog", -1, -1)], evidence, OBJECTS)
    assert found[:2].tolist() == [0, pytest.approx(math.log(1e-3))]


def test_agreement_is_with_the_other_hypotheses():
    best, other = hypothesis("a dog", -1, -1), hypothesis("a dog a car", -1, -1, -1, -1)
    assert features(best, other, best)["agreement"] == pytest.approx((0.5 + 1) / 2)
    assert features(best)["agreement"] == 1
    assert features(hypothesis("a", -1), hypothesis("runs", -1))["agreement"] == 1


def test_a_caption_without_objects_and_one_without_words_have_features():
    assert list(features(hypothesis("a runs", -1, -3)).values()) == [1, 0, 0, 0, -2, 1]
    assert list(features(hypothesis("")).values()) == [1, 0, 0, 0, 0, 1]


def test_probability_is_logistic():
    weights = dict.fromkeys(FEATURES, 0.0) | {"least_object": 2.0}
    model = ConfidenceModel.of_manifest({"confidence": {"weights": weights, "bias": 1.0}})
    found = confidence_features([hypothesis("a car", -1, -1)], EVIDENCE, OBJECTS)
    assert model.probability(found) == pytest.approx(1 / (1 + math.exp(-1.4)), rel=1e-4)


def test_a_probability_is_finite_whatever_the_features():
    model = ConfidenceModel((1.0,) * len(FEATURES), 0.0)
    for value in (-1e6, 1e6):
        assert 0 <= model.probability(np.full(len(FEATURES), value)) <= 1


def test_a_model_that_was_not_calibrated_has_none():
    assert ConfidenceModel.of_manifest({}) is None
