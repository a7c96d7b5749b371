"""Dropout whose mask costs little."""

import pytest
import torch

from training.model.dropout import Dropout

SHAPE = (37, 5, 1001)  # no multiple of what one draw decides


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_the_share_is_dropped_and_the_mean_kept(share, dtype):
    torch.manual_seed(0)
    found = Dropout(share)(torch.ones(SHAPE, dtype=dtype))
    assert found.dtype == dtype
    assert (found == 0).float().mean().item() == pytest.approx(share, abs=0.005)
    assert found.float().mean().item() == pytest.approx(1, abs=0.02)
    # Neither neighbours, which share a draw, nor rows decide for each other.
    dropped = (found == 0).float() - share
    for other in (dropped[..., 1:] * dropped[..., :-1], dropped[1:] * dropped[:-1]):
        assert other.mean().abs().item() < 0.005


def test_gradients_reach_what_is_kept():
    torch.manual_seed(0)
    given = torch.randn(SHAPE, requires_grad=True)
    found = Dropout(0.5)(given)
    found.sum().backward()
    torch.testing.assert_close(found, given * given.grad)
    assert set(given.grad.unique().tolist()) == {0.0, 2.0}


def test_the_seed_decides():
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(Dropout(0.5)(torch.ones(SHAPE)))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize(
    ("share", "training", "left"), [(0.5, False, 1.0), (0.0, True, 1.0), (0.9999999, True, 0.0)]
)
def test_its_ends(share, training, left):
    found = Dropout(share).train(training)(torch.ones(8))
    assert found.tolist() == [left] * 8
