"""The model card says what the manifest holds, and no more."""

import json

import pytest

from ros2_captioner.bundle import DEFAULT_BUNDLE
from training.bundle.model_card import CARD, model_card


@pytest.fixture
def manifest():
    return json.loads((DEFAULT_BUNDLE / "manifest.json").read_text())


def test_the_shipped_card_follows_from_the_shipped_manifest(manifest):
    assert (DEFAULT_BUNDLE / CARD).read_text() == model_card(manifest)


def test_a_frozen_encoder_is_not_called_fine_tuned(manifest):
    assert "encoder, fine-tuned, and" in model_card(manifest)
    manifest["training"]["history"] = [{"stage": "frozen"}]
    card = model_card(manifest)
    assert "fine-tuned" not in card
    assert "1 epoch of the decoder with cross-entropy." in card


def test_scores_are_said_to_be_missing_until_they_are_measured(manifest):
    card = model_card(manifest | {"metrics": {}, "failures": []})
    assert "Not measured yet; type: python -m training.evaluate" in card
    assert "Where it fails worst" not in card
