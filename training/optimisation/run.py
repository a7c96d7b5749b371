"""A finished run: its config, vocabulary and best model, and the names of their files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ros2_captioner.bundle import MANIFEST
from ros2_captioner.errors import BundleError
from ros2_captioner.output_files import replace_file
from ros2_captioner.vocabulary import Vocabulary
from training.config.differences import architecture_differences
from training.config.file import config_from_dict
from training.config.settings import ConfigError, ModelConfig, TrainConfig
from training.model.captioning import CaptionModel, build_model, weights_for
from training.optimisation.checkpoint import Progress, load_checkpoint

CONFIG, VOCABULARY, COMMIT = "config.json", "vocabulary.json", "commit.txt"
BEST, LAST = "best.safetensors", "last.safetensors"
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

    @property
    def sources(self) -> list[dict[str, Any]]:
        """What the model learnt from, see `Progress`; of an older run what its config names."""
        return self.progress.sources or named_sources(self.config)

    def model_for(self, config: ModelConfig, vocabulary: Vocabulary) -> CaptionModel:
        """The model with the dropout of another config, see `inherited`, and further words."""
        model = blank_model(config, vocabulary)
        model.load_state_dict(weights_for(self.model, len(vocabulary)))
        return model


def load_run(folder: Path) -> Run:
    """Load the best checkpoint of a run.

    Raises:
        ConfigError: the folder holds no finished epoch.
    """
    file = folder / CONFIG
    if (folder / MANIFEST).is_file():
        raise ConfigError(
            f"{folder} is a bundle; expected a run: type python -m training.restore, which makes "
            "one of it"
        )
    if not file.is_file():
        raise ConfigError(
            f"no run in {folder}: {file.name} is missing; expected a folder that "
            "python -m training.train --output wrote"
        )
    config = read_config(file)
    try:
        vocabulary = Vocabulary.read(folder / VOCABULARY)
        commit = (folder / COMMIT).read_text(encoding="utf-8")
    except (BundleError, OSError, ValueError) as error:
        raise ConfigError(f"no whole run in {folder}: {error}") from error
    model = blank_model(config.model, vocabulary)
    progress = load_checkpoint(folder / BEST, model)
    return Run(config, vocabulary, model.eval(), progress, commit)


def read_config(file: Path) -> TrainConfig:
    """A run's config.

    Raises:
        ConfigError: the file is no config of this version.
    """
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error
    try:
        return config_from_dict(tree)
    except ConfigError as error:
        raise ConfigError(f"{file} is no config of this version: {error}") from error


def write_config(file: Path, config: TrainConfig) -> None:
    """Write a run's config, whole or not at all; ``--config`` takes it as well, as JSON is YAML."""
    # YAML would read JSON's escape of an emoji as two halves.
    text = json.dumps(dataclasses.asdict(config), indent=2, ensure_ascii=False)
    replace_file(file, text.encode())


def inherited(config: TrainConfig, earlier: TrainConfig) -> TrainConfig:
    """The config of a run that starts from an earlier one, with that one's start weights.

    Raises:
        ConfigError: the two are of different architectures.
    """
    own, its = config.model, earlier.model
    found = architecture_differences(its, own)
    if found:
        raise ConfigError(
            f"{config.start_from} is of another architecture ({'; '.join(found)}); expected the "
            "model section of its config"
        )
    # By the file's name: a bundle, and so a restored run, does not hold its folder.
    same = Path(own.encoder_weights).name == Path(its.encoder_weights).name
    weights = own.encoder_weights if same else its.encoder_weights
    model = dataclasses.replace(own, encoder_weights=weights)
    return dataclasses.replace(config, model=model)


def named_sources(config: TrainConfig) -> list[dict[str, Any]]:
    """The sources of training data that a config names, as `Progress` has them."""
    return [
        {"name": source.name, "licence": source.licence, "weight": source.weight}
        # Its folder means nothing on another machine.
        | ({"teacher": Path(source.teacher).name} if source.teacher else {})
        for source in config.data.train
    ]


def joined_sources(*each: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Several models' sources, each once."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for source in chain(*each):
        found.setdefault((source["name"], source["licence"]), source)
    return list(found.values())


def blank_model(config: ModelConfig, vocabulary: Vocabulary) -> CaptionModel:
    """A model whose weights are all to be filled, so that its start weights need not be there."""
    return build_model(dataclasses.replace(config, encoder_weights="random"), len(vocabulary))
