"""Checkpoints: one safetensors file each, JSON in its header, replaced atomically."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.amp.grad_scaler import GradScaler

from ros2_captioner.output_files import make_empty, unfinished, writing
from training.config.settings import ConfigError

_OPTIMISER, _AVERAGE = "optimiser.", "average."


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        epochs_done: of this run, over all stages.
        best_cider: highest validation CIDEr so far, x1.
        history: one entry of metrics an epoch, those of the run it started from first.
        inherited_epochs: how many entries of the history are of the run it started from.
        sources: name, licence and weight of all data that the weights learnt from, in this run
            and in those it started from, and the teacher of those that had one; none if an older
            version wrote the checkpoint.
    """

    epochs_done: int = 0
    best_cider: float = -1.0
    history: list[dict[str, Any]] = field(default_factory=list)
    inherited_epochs: int = 0
    sources: list[dict[str, Any]] = field(default_factory=list)

    @property
    def own(self) -> list[dict[str, Any]]:
        """The entries of this run alone."""
        return self.history[self.inherited_epochs :]

    @classmethod
    def after(cls, history: list[dict[str, Any]], sources: list[dict[str, Any]]) -> Progress:
        """Of a run that starts with the weights that another run's epochs led to."""
        return cls(history=history, inherited_epochs=len(history), sources=sources)


class TrainingState(NamedTuple):
    """What going on within a stage needs beside the model.

    Attributes:
        optimiser: its moments.
        average: moving average of the weights.
        scaler: of float16 gradients; its scale adapts over a stage.
    """

    optimiser: torch.optim.Optimizer
    average: torch.nn.Module
    scaler: GradScaler


def save_checkpoint(
    path: Path,
    model: torch.nn.Module,
    progress: Progress,
    state: TrainingState | None = None,
) -> None:
    """Write the model, and what resuming needs; the old file stays until this one is whole.

    Raises:
        OSError: names the file.
    """
    tensors = dict(model.state_dict())
    header = {"progress": json.dumps(asdict(progress))}
    if state is not None:
        for index, moments in state.optimiser.state_dict()["state"].items():
            tensors |= {f"{_OPTIMISER}{index}.{key}": value for key, value in moments.items()}
        tensors |= {_AVERAGE + key: value for key, value in state.average.state_dict().items()}
        header["scaler"] = json.dumps(state.scaler.state_dict())
    # In a folder, as safetensors makes a file of its own as well, which a kill would leave.
    folder = unfinished(path)
    partial = folder / path.name
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with writing(path):
        # Not by `replace_file`: all bytes at once would take as much memory again.
        make_empty(folder)
        try:
            partial.touch()
            mode = partial.stat().st_mode  # safetensors would leave the file to its owner alone
            save_file(whole, partial, metadata=header)
            partial.chmod(mode)
            with open(partial, "rb") as file:
                os.fsync(file.fileno())
            os.replace(partial, path)
        except SafetensorError as error:  # of a full disk too
            raise OSError(str(error)) from error
        finally:
            shutil.rmtree(folder)


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


def load_training_state(path: Path, state: TrainingState) -> None:
    """Fill the state from a last checkpoint.

    Raises:
        ConfigError: it holds a model alone, or an older version wrote it.
    """
    tensors, header = _read_tensors(path), _read_header(path)
    if "scaler" not in header:
        raise _of_another_version(path, "no gradient scale")
    moments: dict[int, dict[str, Tensor]] = {}
    for name in tensors:
        if name.startswith(_OPTIMISER):
            _, index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = tensors[name]
    optimiser = state.optimiser
    trained = sum(len(group["params"]) for group in optimiser.param_groups)
    if len(moments) > trained:  # of an encoder at rate 0 too, once
        raise _of_another_version(path, f"moments of {len(moments)} weights for {trained}")
    optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
    for weight, loaded in optimiser.state.items():
        for name, value in loaded.items():
            if value.shape == weight.shape:
                # A file keeps no strides, and fused AdamW pairs what lies in the same places.
                loaded[name] = torch.empty_like(weight).copy_(value)
    state.average.load_state_dict(_with_prefix(tensors, _AVERAGE))
    state.scaler.load_state_dict(json.loads(header["scaler"]))


def _of_another_version(path: Path, found: str) -> ConfigError:
    return ConfigError(
        f"{path} holds {found}; expected a last.safetensors of this version. Choose another "
        "--output, with --set start_from=... to go on from this run's best weights"
    )


def read_progress(path: Path) -> Progress:
    """The progress in a checkpoint's header.

    Raises:
        ConfigError: there is none of this version.
    """
    if not path.is_file():
        raise ConfigError(f"no checkpoint {path}; expected a file that training.train wrote")
    text = _read_header(path)["progress"]
    try:
        return Progress(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} is no checkpoint of this version: {error}") from error


def _read_header(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, str] | None = file.metadata()
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"cannot read {path}: {error}; expected a whole checkpoint") from error
    if header is None or "progress" not in header:
        raise ConfigError(f"{path} is no checkpoint; expected a file that training.train wrote")
    return header


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _read_tensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}
