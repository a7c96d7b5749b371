"""Steps in parts, in other precisions, and in two processes."""

import dataclasses
import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from training.optimisation.checkpoint import read_progress
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
