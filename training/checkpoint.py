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

_OPTIMISER = "optimiser."


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        epochs_done: over both stages.
        best_cider: highest validation CIDEr so far, x1.
        history: one entry of metrics an epoch.
    """

    epochs_done: int = 0
    best_cider: float = -1.0
    history: list[dict[str, Any]] = field(default_factory=list)


def save_checkpoint(
    path: Path,
    model: torch.nn.Module,
    progress: Progress,
    optimiser: torch.optim.Optimizer | None = None,
) -> None:
    """Write the model and the optimiser's moments; the old file stays until this one is whole."""
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    if optimiser is not None:
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{_OPTIMISER}{index}.{key}": t.contiguous() for key, t in moments.items()}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"progress": json.dumps(asdict(progress))})
    with open(partial, "rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)


def load_checkpoint(
    path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer | None = None
) -> Progress:
    """Fill the model, and the optimiser if given; returns the progress.

    Raises:
        ConfigError: no such file, or its tensors do not fit the model.
    """
    progress = read_progress(path)
    model_state, moments = _read_tensors(path)
    try:
        model.load_state_dict(model_state)
    except RuntimeError as error:
        raise ConfigError(f"{path} does not fit the model of its config: {error}") from error
    if optimiser is not None and moments:
        state = optimiser.state_dict()
        state["state"] = moments
        optimiser.load_state_dict(state)
    return progress


def read_progress(path: Path) -> Progress:
    """The progress in a checkpoint's header."""
    if not path.is_file():
        raise ConfigError(f"no checkpoint {path}; expected a file that training.train wrote")
    with safe_open(path, framework="pt") as file:
        return Progress(**json.loads(file.metadata()["progress"]))


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[int, dict[str, Tensor]]]:
    model_state: dict[str, Tensor] = {}
    moments: dict[int, dict[str, Tensor]] = {}
    with safe_open(path, framework="pt") as file:
        for name in file.keys():
            if name.startswith(_OPTIMISER):
                _, index, key = name.split(".")
                moments.setdefault(int(index), {})[key] = file.get_tensor(name)
            else:
                model_state[name] = file.get_tensor(name)
    return model_state, moments
