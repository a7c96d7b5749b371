"""Checkpoints: one safetensors file each, JSON in its header, replaced atomically."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.config import ConfigError

_OPTIMISER, _AVERAGE = "optimiser.", "average."


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        epochs_done: of this run, over all stages.
        best_cider: highest validation CIDEr so far, x1.
        history: one entry of metrics an epoch, those of the run it started from first.
    """

    epochs_done: int = 0
    best_cider: float = -1.0
    history: list[dict[str, Any]] = field(default_factory=list)


def save_checkpoint(
    path: Path,
    model: torch.nn.Module,
    progress: Progress,
    optimiser: torch.optim.Optimizer | None = None,
    average: torch.nn.Module | None = None,
) -> None:
    """Write the model, and what resuming needs; the old file stays until this one is whole."""
    tensors = dict(model.state_dict())
    if optimiser is not None:
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{_OPTIMISER}{index}.{key}": value for key, value in moments.items()}
    if average is not None:
        tensors |= {_AVERAGE + name: tensor for name, tensor in average.state_dict().items()}
    partial = path.with_suffix(".partial")
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        partial,
        metadata={"progress": json.dumps(asdict(progress))},
    )
    with open(partial, "rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)


def load_checkpoint(path: Path, model: torch.nn.Module, *, averaged: bool = False) -> Progress:
    """Fill the model; returns the progress.

    Args:
        path: a file that `save_checkpoint` wrote.
        model: to be filled.
        averaged: with the moving average of the weights, which only a last checkpoint holds.

    Raises:
        ConfigError: no such file, or its tensors do not fit the model.
    """
    progress = read_progress(path)
    tensors = _read_tensors(path)
    state = {k: v for k, v in tensors.items() if not k.startswith((_OPTIMISER, _AVERAGE))}
    if averaged:
        state = _with_prefix(tensors, f"{_AVERAGE}module.")
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ConfigError(f"{path} does not fit the model of its config: {error}") from error
    return progress


def load_training_state(
    path: Path, optimiser: torch.optim.Optimizer, average: torch.nn.Module
) -> None:
    """Fill the optimiser's moments and the averaged weights, to go on within a stage."""
    tensors = _read_tensors(path)
    moments: dict[int, dict[str, Tensor]] = {}
    for name in tensors:
        if name.startswith(_OPTIMISER):
            _, index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = tensors[name]
    optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
    average.load_state_dict(_with_prefix(tensors, _AVERAGE))


def read_progress(path: Path) -> Progress:
    """The progress in a checkpoint's header."""
    if not path.is_file():
        raise ConfigError(f"no checkpoint {path}; expected a file that training.train wrote")
    with safe_open(path, framework="pt") as file:
        return Progress(**json.loads(file.metadata()["progress"]))


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _read_tensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}
