"""A finished run's folder: config, vocabulary and best model."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ros2_captioner.vocabulary import Vocabulary
from training.config.file import config_from_dict
from training.config.settings import ConfigError, ModelConfig, TrainConfig
from training.model.captioning import CaptionModel, build_model
from training.optimisation.checkpoint import Progress, load_checkpoint

COMMIT = "commit.txt"
EPOCH_FILES = "epoch-*.safetensors"


def epoch_file(folder: Path, epoch: int) -> Path:
    """Where the weights after an epoch are kept, if they are among the best."""
    return folder / EPOCH_FILES.replace("*", f"{epoch:03d}")


@dataclass(frozen=True)
class Run:
    """What a training left behind.

    Attributes:
        config: of the run.
        vocabulary: of its training captions.
        model: best checkpoint, float32, in eval mode.
        progress: up to that checkpoint.
        commit: of the code that trained it.
    """

    config: TrainConfig
    vocabulary: Vocabulary
    model: CaptionModel
    progress: Progress
    commit: str


def load_run(folder: Path) -> Run:
    """Load the best checkpoint of a run.

    Raises:
        ConfigError: the folder holds no finished epoch.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise ConfigError(
            f"no run in {folder}: {file.name} is missing; expected a folder that "
            "python -m training.train --output wrote"
        )
    config = config_from_dict(json.loads(file.read_text(encoding="utf-8")))
    vocabulary = Vocabulary.read(folder / "vocabulary.json")
    model = blank_model(config.model, vocabulary)
    progress = load_checkpoint(folder / "best.safetensors", model)
    commit = (folder / COMMIT).read_text(encoding="utf-8")
    return Run(config, vocabulary, model.eval(), progress, commit)


def blank_model(config: ModelConfig, vocabulary: Vocabulary) -> CaptionModel:
    """A model whose weights are all to be filled, so that its start weights need not be there."""
    return build_model(dataclasses.replace(config, encoder_weights="random"), len(vocabulary))


def current_commit() -> str:
    """Of the code in the working directory, or ``unknown``."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
