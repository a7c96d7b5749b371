"""Train a captioning model: decoder alone, then encoder and decoder, then on CIDEr itself.

python -m training.train --config training/configs/flickr8k.yaml --output runs/flickr8k
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import user_path
from ros2_captioner.vocabulary import Vocabulary
from training.config.arguments import add_config
from training.config.file import load_config
from training.config.settings import ConfigError, ModelConfig, TrainConfig
from training.data.evidence_words import choose_evidence_words
from training.data.sources import Sources, read_training, read_validation
from training.data.words import build_vocabulary, with_new_words
from training.machine import distributed
from training.machine.allocator import keep_freed_memory
from training.model.captioning import CaptionModel, build_model
from training.optimisation.checkpoint import (
    Progress,
    load_checkpoint,
    load_training_state,
    read_progress,
)
from training.optimisation.epoch import run_epoch
from training.optimisation.logbook import SHOWN, Logbook
from training.optimisation.notices import notices
from training.optimisation.output_folder import (
    claim,
    only_run_in,
    refuse_another_run,
    refuse_other_words,
    save_epoch,
)
from training.optimisation.run import (
    BEST,
    LAST,
    Run,
    inherited,
    joined_sources,
    load_run,
    named_sources,
)
from training.optimisation.stages import STAGES, Splits, Stage, check_stages
from training.optimisation.teachers import load_teachers


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parsed = _parser().parse_args(arguments)
    keep_freed_memory()
    config = load_config(parsed.config, parsed.set)
    with distributed.processes(parsed.device) as device:
        train(config, parsed.output, device)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.train",
        description="Train a captioning model on a data set in COCO captions format or a "
        "Karpathy split. An interrupted run goes on from its last whole epoch when the same "
        "command is typed again. Under torchrun several processes train together.",
    )
    add_config(parser, "data, model and stages")
    parser.add_argument(
        "--output",
        type=user_path,
        required=True,
        help="run folder: config, vocabulary, checkpoints",
    )
    parser.add_argument(
        "--device",
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="torch device (default: %(default)s)",
    )
    return parser


def train(config: TrainConfig, output: Path, device: str = "cpu") -> Progress:
    """Run or resume a training; leaves ``best.safetensors`` and ``last.safetensors`` in ``output``.

    Every epoch draws its random numbers from the seed and its own number, so a resumed run
    repeats what an uninterrupted one does.

    Args:
        config: see `training.config.settings`.
        output: run folder, made if missing.
        device: torch device name.

    Returns:
        The final progress, with one entry of metrics an epoch.

    Raises:
        ConfigError: bad data or weights, or the folder holds a run with another config; it is
            this run's when the first epoch begins, not before. Or the training diverged.
        CaptionerError: an image cannot be read, or another run is writing the folder.
    """
    earlier = load_run(Path(config.start_from)) if config.start_from else None
    if earlier:
        config = inherited(config, earlier.config)
    if not _plan(config):
        raise ConfigError(f"found no epochs in {', '.join(STAGES)}; expected at least one")
    refuse_another_run(output, config)
    data = read_training(config.data)
    torch.manual_seed(config.seed)
    vocabulary, model = _start(config, data, earlier)
    check_stages(config, model.encoder)
    refuse_other_words(output, vocabulary)
    teachers = load_teachers(config, model.encoder, earlier)
    new_words = vocabulary.words[len(earlier.vocabulary) :] if earlier else ()
    splits = Splits(data, read_validation(config.data), vocabulary, teachers, new_words)
    model.to(device)
    with only_run_in(output):
        progress = _progress(output, config, earlier, teachers.values())
        progress = _train_epochs(config, output, model, splits, progress)
    if distributed.rank() == 0:
        print(f"best validation CIDEr {progress.best_cider:.4f} in {output / BEST}")
    return progress


def _start(
    config: TrainConfig, data: Sources, earlier: Run | None
) -> tuple[Vocabulary, CaptionModel]:
    """Vocabulary and model that the first epoch begins with: of an earlier run, or new ones."""
    if earlier:
        vocabulary = with_new_words(earlier.vocabulary, data.captions, config.data.min_word_count)
        return vocabulary, earlier.model_for(config.model, vocabulary)
    vocabulary = build_vocabulary(data.captions, config.data.min_word_count)
    return vocabulary, _untrained(config.model, vocabulary, data.captions)


def _untrained(
    config: ModelConfig, vocabulary: Vocabulary, captions: Sequence[Sequence[str]]
) -> CaptionModel:
    """A model that has learnt nothing yet but its encoder's start weights."""
    model = build_model(config, len(vocabulary))
    if model.decoder.evidence is not None:
        words = choose_evidence_words(captions, vocabulary, config.evidence_words)
        model.decoder.evidence.choose_words(*words)
    return model


def _progress(
    output: Path, config: TrainConfig, earlier: Run | None, teachers: Iterable[Run]
) -> Progress:
    """How far a run has come; a new one begins with what led to the earlier one, if it has one."""
    last = output / LAST
    if last.is_file():
        return read_progress(last)
    # What a teacher learnt from is learnt from too, with its licence.
    own = joined_sources(named_sources(config), *(teacher.sources for teacher in teachers))
    if not earlier:
        return Progress(sources=own)
    return Progress.after(earlier.progress.history, joined_sources(own, earlier.sources))


def _train_epochs(
    config: TrainConfig, output: Path, model: CaptionModel, splits: Splits, progress: Progress
) -> Progress:
    """Train every epoch of the plan that is not done yet and that no stalled stage leaves out.

    Args:
        config: of the run.
        output: run folder.
        model: to be trained; an interrupted run's weights replace its own.
        splits: the data.
        progress: so far.
    """
    if distributed.rank() == 0:
        for line in notices(config, splits):
            print(line)
    logbook = Logbook(output / "tensorboard", splits.validation_images[:SHOWN])
    stage: Stage | None = None
    for epoch, (name, stage_epoch) in enumerate(_plan(config)):
        patience = config.validation.patience
        if epoch < progress.epochs_done or _stalled(progress.own, name, patience):
            continue
        if stage is None or stage.name != name:
            stage = _begin_stage(name, stage_epoch, config, model, splits, output)
        if distributed.rank() == 0:
            claim(output, config, splits.vocabulary)
        progress = run_epoch(stage, epoch, stage_epoch, progress, logbook)
        if distributed.rank() == 0:
            save_epoch(output, stage, progress)
        distributed.wait()
    return progress


def _begin_stage(
    name: str,
    stage_epoch: int,
    config: TrainConfig,
    model: CaptionModel,
    splits: Splits,
    output: Path,
) -> Stage:
    """A stage at one of its epochs, with what the last checkpoint holds for it."""
    last = output / LAST
    if last.is_file():
        # A stage starts from the averaged weights of the one before.
        load_checkpoint(last, model, averaged=stage_epoch == 0)
    stage = Stage(name, config, model, splits, output.parent / "cache")
    if stage_epoch:
        load_training_state(last, stage.state)
    return stage


def _stalled(history: list[dict[str, Any]], stage: str, patience: int) -> bool:
    """Whether the last epochs of a stage brought no better CIDEr."""
    scores = [entry["CIDEr"] for entry in history if entry["stage"] == stage]
    return 0 < patience < len(scores) and max(scores[-patience:]) <= max(scores[:-patience])


def _plan(config: TrainConfig) -> list[tuple[str, int]]:
    """Every epoch of the run: its stage, and its number within the stage."""
    return [(name, epoch) for name in STAGES for epoch in range(getattr(config, name).epochs)]


if __name__ == "__main__":
    sys.exit(main())
