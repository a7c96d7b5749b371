"""The model card says what the manifest holds, and no more."""

import json

import pytest

from ros2_captioner.bundle import DEFAULT_BUNDLE
from training.bundle.model_card import CARD, model_card
from training.config.settings import DECODERS


@pytest.fixture
def manifest():
    return json.loads((DEFAULT_BUNDLE / "manifest.json").read_text())


def test_the_shipped_card_follows_from_the_shipped_manifest(manifest):
    assert (DEFAULT_BUNDLE / CARD).read_text() == model_card(manifest)


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_that_a_config_may_name_has_a_card(manifest, decoder):
    manifest["architecture"]["decoder"] = f"{decoder}_lstm"
    assert f"{decoder.replace('_', ' ')} LSTM decoder" in model_card(manifest)


def test_a_frozen_encoder_is_not_called_fine_tuned(manifest):
    assert "encoder, fine-tuned, and" in model_card(manifest)
    manifest["training"]["history"] = [{"stage": "frozen"}]
    card = model_card(manifest)
    assert "fine-tuned" not in card
    assert "1 epoch of the decoder with cross-entropy." in card


@pytest.mark.parametrize(
    ("stage", "encoder_stages", "said"),
    [
        ("finetune", 0, "2 epochs of the decoder with cross-entropy"),
        ("finetune", 1, "2 epochs of the decoder and the encoder's last stage with cross-entropy"),
        ("finetune", 4, "2 epochs of encoder and decoder with cross-entropy"),
        ("self_critical", 0, "2 epochs of self-critical training of the decoder on CIDEr-D"),
        ("self_critical", 3, "training of the decoder and the encoder's last 3 stages on CIDEr-D"),
    ],
)
def test_what_a_stage_trained_is_said_as_the_history_has_it(manifest, stage, encoder_stages, said):
    manifest["training"]["history"] = 2 * [{"stage": stage, "encoder_stages": encoder_stages}]
    card = model_card(manifest)
    assert said in card
    assert ("encoder, fine-tuned, and" in card) == (encoder_stages > 0)


FROZEN, TUNED = ({"stage": name} for name in ("frozen", "finetune"))


def test_stages_that_came_again_are_told_in_their_order(manifest):
    manifest["training"]["history"] = [FROZEN, FROZEN, TUNED, FROZEN]
    assert (
        "2 epochs of the decoder with cross-entropy,\n"
        "then 1 epoch of encoder and decoder with cross-entropy,\n"
        "then 1 epoch of the decoder with cross-entropy."
    ) in model_card(manifest)


def test_stages_that_came_again_and_again_are_told_in_all(manifest):
    manifest["training"]["history"] = 3 * [FROZEN, FROZEN, TUNED]
    assert (
        ":\nthe stages alternated; in total 6 epochs of the decoder with cross-entropy,\n"
        "3 epochs of encoder and decoder with cross-entropy."
    ) in model_card(manifest)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("random", "random weights"),
        ("torchvision", "torchvision's ImageNet weights"),
        ("resnet50_v1.safetensors", "resnet50_v1.safetensors"),
    ],
)
def test_start_weights_are_named(manifest, weights, said):
    manifest["training"]["encoder_weights"] = weights
    assert f"The encoder started from {said}." in model_card(manifest)


def test_a_source_is_said_to_have_been_taught_by_an_earlier_run(manifest):
    one = {"name": "coco", "licence": "CC BY 4.0", "weight": 1.0}
    manifest["training"]["sources"] = [one | {"teacher": "scenes"}, one | {"name": "own"}]
    said = "; cross-entropy with the word probabilities of the run scenes"
    assert f"- coco: CC BY 4.0{said}\n- own: CC BY 4.0\n" in model_card(manifest)


def test_a_bundle_of_before_there_were_several_sources_has_a_card(manifest):
    """With scores that were recorded since, of one of its variants."""
    training = {**manifest["training"], "data": "flickr8k", "licence": "research use"}
    del training["sources"]
    metrics = {
        "float16": {"CIDEr": 0.6, "signature": "old"},
        "int8": {"coco": {"CIDEr": 0.5, "signature": "new"}},
    }
    card = model_card(manifest | {"training": training, "metrics": metrics})
    assert "Trained on\n\n- flickr8k: research use\n" in card
    assert "|  | float16 | 0.600 |" in card and "| coco | int8 | 0.500 |" in card
    assert "\n\n- Signature: new.\n- Signature: old." in card


def test_scores_are_said_to_be_missing_until_they_are_measured(manifest):
    card = model_card(manifest | {"metrics": {}, "failures": []})
    assert "training.evaluate --bundle ... --config ... --record" in card
    assert "Where it fails worst" not in card
