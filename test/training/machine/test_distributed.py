"""What each of several processes does."""

import os

import pytest
import torch

from training.config.settings import ConfigError
from training.machine import distributed


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "cuda:x"])
def test_a_device_that_is_not_there_is_refused(device):
    said = f"--device: found '{device}' and .*; expected cpu, or"
    with pytest.raises(ConfigError, match=said), distributed.processes(device):
        pass


def test_a_process_without_a_gpu_of_its_own_is_refused(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    said = "found 'cuda:1' and 1 GPUs"
    with pytest.raises(ConfigError, match=said), distributed.processes("cuda"):
        pass


@pytest.mark.parametrize(
    ("variables", "said"),
    [({}, "variable WORLD_SIZE expected"), ({"WORLD_SIZE": "x", "RANK": "x"}, "literal.*'x'")],
)
def test_an_environment_that_is_no_groups_is_refused(monkeypatch, variables, said):
    for name, value in ({"RANK": "0"} | variables).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"^found RANK=.*{said}"), distributed.processes("cpu"):
        pass


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
