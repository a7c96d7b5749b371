"""GPTQ against plain rounding."""

import torch

from training.bundle.rounding import gptq

LIMIT = 8


def correlated_inputs():
    torch.manual_seed(0)
    return torch.relu(torch.randn(4000, 6) @ torch.randn(6, 150) + 0.3 * torch.randn(4000, 150))


def layer():
    weights = torch.randn(20, 150)
    return weights, weights.abs().amax(dim=1) / LIMIT


def test_outputs_are_much_nearer_than_with_plain_rounding():
    inputs = correlated_inputs()
    weights, scale = layer()
    moment = inputs.T @ inputs / len(inputs)
    found = gptq(weights, moment, scale, LIMIT) * scale[:, None]
    plain = (weights / scale[:, None]).round() * scale[:, None]
    errors = [((w - weights) @ inputs.T).norm() for w in (found, plain)]
    assert errors[0] < 0.4 * errors[1]


def test_steps_are_whole_and_within_the_limit():
    weights, scale = layer()
    steps = gptq(3 * weights, torch.eye(150), scale, LIMIT)
    assert torch.equal(steps, steps.round()) and steps.abs().max() == LIMIT


def test_uncorrelated_inputs_give_plain_rounding():
    weights, scale = layer()
    steps = gptq(weights, torch.eye(150), scale, LIMIT)
    assert torch.equal(steps, (weights / scale[:, None]).round())
