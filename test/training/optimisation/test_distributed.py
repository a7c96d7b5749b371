"""What each of several processes does."""

import os

import pytest
import torch

from training.optimisation import distributed


@pytest.mark.parametrize(
    ("workers", "device", "processors", "together", "expected"),
    [
        (3, "cpu", 2, 1, 3),
        (0, "cuda", 16, 1, 0),
        (-1, "cpu", 16, 1, 0),
        (-1, "cuda", 4, 1, 4),
        (-1, "cuda", 64, 1, 8),
        (-1, "cuda", 16, 4, 4),
        (-1, "cuda", 2, 4, 0),
    ],
)
def test_processors_beside_gpus_read(monkeypatch, workers, device, processors, together, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)), raising=False)
    monkeypatch.setattr(distributed, "count", lambda: together)
    assert distributed.readers(workers, torch.device(device)) == expected
