"""Checkpoints that resuming needs, and those that it cannot use."""

import multiprocessing
import os

import pytest
import torch
from safetensors.torch import save_file
from tiny import no_room
from torch.amp.grad_scaler import GradScaler
from torch.optim.swa_utils import AveragedModel

from training.config.settings import ConfigError
from training.optimisation import checkpoint as checkpoint_module
from training.optimisation.checkpoint import (
    Progress,
    TrainingState,
    load_checkpoint,
    load_training_state,
    read_progress,
    save_checkpoint,
)


def state_of(model, scale=2.0**16):
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    return TrainingState(optimiser, AveragedModel(model), GradScaler("cpu", init_scale=scale))


def test_the_gradient_scale_comes_back(tmp_path):
    model, file = torch.nn.Linear(2, 1), tmp_path / "last.safetensors"
    save_checkpoint(file, model, Progress(), state_of(model, scale=32.0))
    fresh = state_of(model)
    load_training_state(file, fresh)
    assert fresh.scaler.state_dict()["scale"] == 32.0


def test_a_step_after_resuming_is_the_one_that_would_have_come(tmp_path):
    """Of a convolution whose weights lie in memory channels last, as the encoder's do."""
    images, file = torch.rand(2, 3, 5, 5), tmp_path / "last.safetensors"
    target = torch.rand(2, 4, 3, 3)

    def begun():
        torch.manual_seed(0)
        model = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        optimiser = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
        return model, TrainingState(optimiser, AveragedModel(model), GradScaler(enabled=False))

    def step(model, state):
        state.optimiser.zero_grad()
        ((model(images) - target) ** 2).sum().backward()
        state.optimiser.step()

    (whole, state), (resumed, fresh) = begun(), begun()
    step(whole, state)
    save_checkpoint(file, whole, Progress(), state)
    load_checkpoint(file, resumed)
    load_training_state(file, fresh)
    step(whole, state)
    step(resumed, fresh)
    assert torch.equal(resumed.weight, whole.weight) and torch.equal(resumed.bias, whole.bias)


def test_a_checkpoint_of_a_model_alone_is_refused(tmp_path):
    model, file = torch.nn.Linear(2, 1), tmp_path / "best.safetensors"
    save_checkpoint(file, model, Progress())
    with pytest.raises(ConfigError, match="holds no gradient scale; expected"):
        load_training_state(file, state_of(model))


def test_moments_of_weights_that_are_no_longer_trained_are_refused(tmp_path):
    """Older versions kept those of an encoder at rate 0."""
    model, file = torch.nn.Linear(2, 1), tmp_path / "last.safetensors"
    save_checkpoint(file, model, Progress(), state_of(model))
    fresh = state_of(model)._replace(optimiser=torch.optim.AdamW([model.weight]))
    with pytest.raises(ConfigError, match="moments of 2 weights for 1; expected .*start_from"):
        load_training_state(file, fresh)


def test_a_full_disk_is_told_and_the_old_checkpoint_stays(tmp_path):
    file = tmp_path / "best.safetensors"
    save_checkpoint(file, torch.nn.Linear(2, 1), Progress(epochs_done=3))
    said = r"cannot write .*best.safetensors: .*too large.*; expected .* room for it"
    with no_room(), pytest.raises(OSError, match=said):
        save_checkpoint(file, torch.nn.Linear(100, 100), Progress(epochs_done=4))
    assert read_progress(file).epochs_done == 3
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def test_what_a_killed_run_left_of_a_checkpoint_goes_with_the_next(tmp_path, monkeypatch):
    def killed(_, file, **__):
        (file.parent / ".tmpAbCdEf").touch()  # as safetensors does
        os._exit(1)

    file = tmp_path / "best.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_module, "save_file", killed)
        model = torch.nn.Linear(2, 1)
        child = multiprocessing.get_context("fork").Process(
            target=save_checkpoint, args=(file, model, Progress())
        )
        child.start()
        child.join()
    assert any(tmp_path.iterdir())
    save_checkpoint(file, model, Progress())
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def test_who_may_read_a_checkpoint_is_left_to_the_umask(tmp_path):
    (tmp_path / "other").touch()
    save_checkpoint(tmp_path / "best.safetensors", torch.nn.Linear(2, 1), Progress())
    modes = {each.stat().st_mode for each in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("progress", ['{"steps": 3}', "[]", "{"])
def test_a_checkpoint_of_another_version_is_one_line(tmp_path, progress):
    file = tmp_path / "best.safetensors"
    save_file({"weight": torch.ones(1)}, file, metadata={"progress": progress})
    with pytest.raises(ConfigError, match="is no checkpoint of this version"):
        read_progress(file)
