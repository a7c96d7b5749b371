"""The memory of ImageNet: exact at the start weights, and a pull back from anywhere else."""

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from ros2_captioner.preprocess import IMAGENET_MEAN, IMAGENET_STD
from training.config.settings import ModelConfig
from training.model.distillation import ImageNetMemory
from training.model.encoder import build_encoder


@pytest.fixture
def trunk():
    torch.manual_seed(0)
    return torchvision.models.resnet18().eval()


@pytest.fixture
def config(trunk, tmp_path):
    with torch.no_grad():
        trunk.fc.weight *= 3  # an untrained classifier hardly tells images apart
    save_file(trunk.state_dict(), tmp_path / "weights.safetensors")
    return ModelConfig(encoder="resnet18", encoder_weights=str(tmp_path / "weights.safetensors"))


@pytest.fixture
def frames():
    torch.manual_seed(1)
    return torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)


def entropy(logits):
    return torch.distributions.Categorical(logits=logits).entropy().mean()


def test_at_the_start_weights_only_the_entropy_of_their_classes_is_left(config, frames, trunk):
    memory = ImageNetMemory.of(config)
    grid = build_encoder(config)(frames).detach().requires_grad_(True)
    loss = memory(frames, grid, 0)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    pixels = (frames.permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.inference_mode():
        expected = entropy(trunk(pixels))
    assert expected > 0.1
    torch.testing.assert_close(loss.detach(), expected, rtol=1e-3, atol=1e-4)
    loss.backward()
    moved = torch.autograd.grad(memory(frames, other := grid + 1, 0), other)[0]
    assert grid.grad.abs().max() < 1e-4 * moved.abs().max()


def test_any_other_grid_costs_more_and_is_pulled_back(config, frames):
    memory = ImageNetMemory.of(config)
    own = build_encoder(config)(frames).detach()
    grid = (own + torch.randn_like(own)).requires_grad_(True)
    loss = memory(frames, grid, 0)
    assert loss > memory(frames, own, 0) + 1e-3
    loss.backward()
    assert memory(frames, grid.detach() - grid.grad, 0) < loss


def test_it_goes_on_from_cached_maps(config, frames):
    memory, encoder = ImageNetMemory.of(config), build_encoder(config)
    with torch.inference_mode():
        maps, grid = encoder.lower(frames, 2), encoder(frames) + 1
        torch.testing.assert_close(memory(maps, grid, 2), memory(frames, grid, 0))
