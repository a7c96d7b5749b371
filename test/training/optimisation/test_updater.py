"""Steps in parts, in other precisions, and in two processes."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.config.settings import ModelConfig, OptimConfig
from training.data.batches import collate
from training.data.captions import CaptionedPicture
from training.model.captioning import build_model
from training.optimisation.checkpoint import read_progress
from training.optimisation.objectives import CrossEntropy, SelfCritical
from training.optimisation.updater import LossModule, Updater
from training.train import train

STEPS = {"epochs": 2, "batch": 4, "warmup_steps": 1}


def losses(progress):
    return [entry["loss"] for entry in progress.history]


@pytest.fixture
def config(tiny_config):
    return tiny_config(frozen=STEPS, finetune=STEPS | {"encoder_stages": 2})


def test_parts_change_nothing(config, tmp_path):
    whole = train(config, tmp_path / "whole")
    optim = dataclasses.replace(config.optim, parts=3)
    parts = train(dataclasses.replace(config, optim=optim), tmp_path / "parts")
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-4)


VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "runs", "man", "fast"])
CAPTIONS = [["a dog runs fast", "a dog"], ["a man"], ["runs", "man", "a man runs a dog"]]
PICTURES = [CaptionedPicture(Path(f"{place}"), tuple(of)) for place, of in enumerate(CAPTIONS)]


def one_step(objective, parts):
    """Gradients and loss of a step on three pictures with 2, 1 and 3 captions."""
    torch.manual_seed(0)
    config = ModelConfig(encoder="resnet18", encoder_weights="random", width=16, hidden=24)
    model = build_model(config, len(VOCABULARY))
    grids = torch.rand(3, 2, 2, 512)
    ids = [[VOCABULARY.encode(text.split()) for text in of] for of in CAPTIONS]
    batch = collate([(i, grids[i], captions) for i, captions in enumerate(ids)], VOCABULARY)
    groups = [(list(model.decoder.parameters()), 1e-3)]
    optim = OptimConfig(parts=parts, clip_norm=1e9)
    updater = Updater(
        LossModule(model, objective, 4), groups, objective, optim, torch.device("cpu")
    )
    model.decoder.dropout.p = 0.0
    loss = updater.step(batch, rate=0.0, progress=1.0)
    return {name: p.grad for name, p in model.decoder.named_parameters()}, loss


def same_steps(objective):
    whole, loss = one_step(objective, 1)
    for count in (2, 3):
        parts, loss_of_parts = one_step(objective, count)
        assert loss_of_parts.value.item() == pytest.approx(loss.value.item(), rel=1e-5)
        assert loss_of_parts[1:] == (pytest.approx(loss.shown, rel=1e-5), *loss[2:])
        for name, gradient in whole.items():
            torch.testing.assert_close(parts[name], gradient, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_parts_change_no_gradient_of_the_cross_entropy(penalty):
    same_steps(CrossEntropy(0.1, attention_penalty=penalty))


def test_parts_change_no_gradient_of_self_critical_training(monkeypatch):
    """A picture's samples are as long in a part as in the whole, and far from each other's."""
    texts = [["a dog runs", "dog"], ["man a man a man runs fast", "a"], ["a", "a man runs"]]
    end = VOCABULARY.end
    ids = [[[*VOCABULARY.encode(text.split()), end] for text in of] for of in texts]
    left = []

    def sampled(decoder, prepared, vocabulary, samples, max_words):
        rows = [left.pop(0) for _ in prepared.h0]
        longest = max(len(one) for row in rows for one in row)
        return torch.tensor([[one + [end] * (longest - len(one)) for one in row] for row in rows])

    monkeypatch.setattr("training.optimisation.objectives.sample", sampled)
    objective = SelfCritical(PICTURES, VOCABULARY, samples=2, max_words=8)
    left.extend(3 * ids)
    same_steps(objective)
    assert not left


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_the_bits_train_much_alike(config, precision, tmp_path):
    whole = train(config, tmp_path / "whole")
    optim = dataclasses.replace(config.optim, precision=precision)
    half = train(dataclasses.replace(config, optim=optim), tmp_path / "half")
    assert losses(half) == pytest.approx(losses(whole), rel=0.02)
    assert losses(half) != losses(whole)


def test_two_processes_give_the_loss_of_one(config, tmp_path):
    whole = train(config, tmp_path / "whole")
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(dataclasses.asdict(config)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    options = ["--config", str(file), "--output", str(tmp_path / "two"), "--device", "cpu"]
    done = subprocess.run(
        [*command, "-m", "training.train", *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    two = read_progress(tmp_path / "two/last.safetensors")
    assert losses(two) == pytest.approx(losses(whole), abs=1e-4)
    assert done.stdout.count("best validation CIDEr") == 1


def test_dropout_reaches_sampled_captions_only_when_asked(tiny_config, tmp_path):
    trained = {}
    for name, dropout, kept in (("off", 0.9, False), ("none", 0.0, False), ("on", 0.9, True)):
        config = tiny_config(
            frozen={"epochs": 0},
            finetune={"epochs": 0},
            self_critical=STEPS,
            optim={"sampled_dropout": kept},
        )
        model = dataclasses.replace(config.model, dropout=dropout)
        train(dataclasses.replace(config, model=model), tmp_path / name)
        trained[name] = load_file(tmp_path / name / "last.safetensors")["decoder.output.weight"]
    assert torch.equal(trained["off"], trained["none"])
    assert not torch.equal(trained["on"], trained["off"])
