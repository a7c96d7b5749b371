"""What a stage's steps train on."""

import dataclasses

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from tiny import images_of

from training.config.settings import ConfigError, OptimConfig, SourceConfig
from training.data.sources import Sources
from training.data.words import build_vocabulary
from training.machine import distributed
from training.model.captioning import build_model
from training.optimisation.stages import Splits, Stage, StepBatches, check_stages
from training.train import train

SENTENCES = [("a red square", "red"), ("a green table",), ("the square is blue",)]


@pytest.fixture
def stage(tiny_config, tmp_path):
    """Makes a stage of a model with evidence for "green" and "red", in this order."""

    def make(name, sentences=SENTENCES, weight=1.0, **optim):
        config = tiny_config()
        said = SourceConfig("said", sentences="said.json")
        config = dataclasses.replace(
            config,
            data=dataclasses.replace(config.data, train=(*config.data.train, said)),
            model=dataclasses.replace(config.model, evidence_words=2),
            optim=OptimConfig(**({"evidence_weight": 0.1} | optim)),
            start_from="earlier",
        )
        images = [dataclasses.replace(p, weight=weight) for p in images_of(config)]
        images += [dataclasses.replace(images[0], captions=(), source="bare")]
        vocabulary = build_vocabulary([image.captions for image in images], 1)
        torch.manual_seed(0)
        model = build_model(config.model, len(vocabulary))
        ids = torch.tensor(vocabulary.encode(["green", "red"]))
        model.decoder.evidence.choose_words(ids, torch.tensor([0.3, 0.4]))
        splits = Splits(Sources(images, sentences), {"tiny": images[:4]}, vocabulary)
        return Stage(name, config, model, splits, tmp_path / "cache")

    return make


def test_known_words_are_those_of_the_model_itself(stage):
    """They need not be the ones that this run's data would choose: it may go on from another."""
    found = {}
    for batch, _ in stage("frozen").batches(0):
        found |= dict(zip(batch.indices.tolist(), batch.known.tolist(), strict=True))
    # Red, green, blue, white, and one without captions.
    assert found == {0: [0, 1], 1: [1, 0], 2: [0, 0], 3: [0, 0], 4: [-1, -1]}


def test_sentences_come_with_every_step_if_they_count(stage):
    assert all(sentences is None for _, sentences in stage("frozen").batches(0))
    steps = list(stage("frozen", sentence_weight=0.5).batches(0))
    assert len(steps) == 3
    sentences = [said for _, said in steps if said is not None]
    assert len(sentences) >= 2
    by_place = {0: [0, 1], 1: [1, 0], 2: [0, 0]}
    for batch in sentences:
        expected = [by_place[place] for place in batch.indices.tolist()]
        assert batch.known.tolist() == expected
    assert all(said is None for _, said in stage("frozen", [], sentence_weight=0.5).batches(0))


def test_self_critical_training_sees_captioned_images_alone(stage):
    steps = list(stage("self_critical", sentence_weight=0.5).batches(0))
    assert sorted(place for batch, _ in steps for place in batch.indices.tolist()) == [0, 1, 2, 3]
    assert all(sentences is None for _, sentences in steps)


def test_an_image_comes_as_often_as_its_weight_says(stage):
    steps = list(stage("frozen", weight=3.0).batches(0))
    places = [place for batch, _ in steps for place in batch.indices.tolist()]
    assert sorted(places) == sorted(3 * [0, 1, 2, 3] + 3 * [4])


def test_too_few_sentences_leave_the_last_steps_without():
    assert list(StepBatches([1, 2, 3], ["a", "b"])) == [(1, "a"), (2, "b"), (3, None)]
    assert list(StepBatches([1, 2], ["a", "b", "c"])) == [(1, "a"), (2, "b")]
    assert list(StepBatches([1, 2])) == [(1, None), (2, None)]


@pytest.fixture
def distilled(tiny_config, tmp_path):
    """Makes a config with distillation, and the encoder that it begins with."""

    def make(classes=True, **stages):
        weights = torchvision.models.resnet18().state_dict()
        kept = {name: w for name, w in weights.items() if classes or not name.startswith("fc.")}
        save_file(kept, tmp_path / "weights.safetensors")
        config = tiny_config(
            model={
                "encoder": "resnet18", "encoder_weights": str(tmp_path / "weights.safetensors"),
                "image_size": 64, "width": 32, "hidden": 48,
            },
            optim={"distillation": 1.0},
            **stages,
        )  # fmt: skip
        return config, build_model(config.model, 5).encoder

    return make


def test_distillation_is_of_images_as_the_start_weights_see_them(distilled):
    """Cached maps are, unless the stages that made them were trained since."""
    config, encoder = distilled(finetune={"encoder_stages": 2})
    check_stages(config, encoder.half().float())  # as a bundle's are, which is gone on from
    with torch.no_grad():
        encoder.stages[1][0].conv1.weight *= 1.01
    with pytest.raises(ConfigError, match=r"finetune.encoder_stages: found 2 .*; expected 4"):
        check_stages(config, encoder)
    check_stages(*distilled(self_critical={"epochs": 1, "encoder_stages": 4}))


def test_what_a_later_stage_cannot_do_is_told_before_the_first(distilled, monkeypatch):
    later = {"epochs": 1, "encoder_stages": 2, "encoder_lr": 1e-5}
    with pytest.raises(ConfigError, match=r"self_critical.encoder_stages: found 2 .*; expected 4"):
        check_stages(*distilled(self_critical=later))
    check_stages(*distilled(self_critical=later | {"encoder_lr": 0.0}))
    check_stages(*distilled(self_critical=later, finetune={"encoder_lr": 0.0}))
    with pytest.raises(ConfigError, match=r"weights.safetensors .*missing .'fc.weight'"):
        check_stages(*distilled(classes=False))
    monkeypatch.setattr(distributed, "count", lambda: 2)
    with pytest.raises(ConfigError, match=r"finetune.batch: found 3 images for 2 processes"):
        check_stages(*distilled(finetune={"batch": 3}))


def test_a_run_says_so_at_once(tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr(distributed, "count", lambda: 2)
    with pytest.raises(ConfigError, match=r"finetune.batch: found 3 images for 2 processes"):
        train(tiny_config(finetune={"batch": 3}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_epoch_without_an_image_is_refused(stage):
    with pytest.raises(ConfigError, match=r"sum to 0.004 .*; expected several: raise 'weight'"):
        stage("self_critical", weight=0.001).batches(0)


def test_evidence_that_no_loss_teaches_is_frozen(stage):
    """Processes that train together would wait for its gradients."""
    for weight in (0.0, 0.1):
        decoder = stage("frozen", evidence_weight=weight).model.decoder
        assert decoder.evidence.score.weight.requires_grad == bool(weight)
        assert decoder.evidence_scale.weight.requires_grad
