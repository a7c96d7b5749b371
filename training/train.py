"""Train a captioning model: decoder alone, then encoder and decoder, then on CIDEr itself.

python -m training.train --config training/configs/flickr8k.yaml --output runs/flickr8k
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from ros2_captioner.captioner import worded
from ros2_captioner.captions import Caption
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import user_path
from ros2_captioner.vocabulary import Vocabulary
from training.config.arguments import add_config
from training.config.file import load_config
from training.config.settings import ConfigError, ModelConfig, TrainConfig
from training.data.batches import told_readers
from training.data.captions import CaptionedImage
from training.data.concepts import choose_concepts
from training.data.sources import Sources, read_training, read_validation
from training.data.words import build_vocabulary, frequent_words
from training.model.captioning import CaptionModel, build_model, device_of
from training.optimisation import distributed
from training.optimisation.allocator import keep_freed_memory
from training.optimisation.checkpoint import (
    Progress,
    load_checkpoint,
    load_training_state,
    read_progress,
)
from training.optimisation.logbook import Logbook
from training.optimisation.memory import told_memory
from training.optimisation.run import (
    BEST,
    LAST,
    Run,
    inherited,
    joined_sources,
    load_run,
    named_sources,
)
from training.optimisation.run_folder import (
    claim,
    only_run_in,
    refuse_another_run,
    refuse_other_words,
    save_epoch,
)
from training.optimisation.stages import STAGES, Splits, Stage, check_stages
from training.optimisation.stopwatch import Stopwatch
from training.scoring.decode import search_batches
from training.scoring.validation import validation_scores

SHOWN = 4  # validation images in the log


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
    splits = Splits(data, read_validation(config.data), vocabulary)
    model.to(device)
    with only_run_in(output):
        progress = _progress(output, config, earlier)
        progress = _train_epochs(config, output, model, splits, progress)
    if distributed.rank() == 0:
        print(f"best validation CIDEr {progress.best_cider:.4f} in {output / BEST}")
    return progress


def _start(
    config: TrainConfig, data: Sources, earlier: Run | None
) -> tuple[Vocabulary, CaptionModel]:
    """Vocabulary and model that the first epoch begins with: of an earlier run, or new ones."""
    if earlier:
        return earlier.vocabulary, earlier.model_for(config.model)
    vocabulary = build_vocabulary(data.captions, config.data.min_word_count)
    return vocabulary, _untrained(config.model, vocabulary, data.captions)


def _untrained(
    config: ModelConfig, vocabulary: Vocabulary, captions: Sequence[Sequence[str]]
) -> CaptionModel:
    """A model that has learnt nothing yet but its encoder's start weights."""
    model = build_model(config, len(vocabulary))
    if model.decoder.evidence is not None:
        concepts = choose_concepts(captions, vocabulary, config.evidence_words)
        model.decoder.evidence.choose_words(concepts.ids, concepts.prior)
    return model


def _progress(output: Path, config: TrainConfig, earlier: Run | None) -> Progress:
    """How far a run has come; a new one begins with what led to the earlier one, if it has one."""
    last = output / LAST
    if last.is_file():
        return read_progress(last)
    own = named_sources(config)
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
    _show_data(splits)
    _show_lost_words(config, splits)
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
        progress = _epoch(stage, epoch, stage_epoch, progress, logbook)
        if distributed.rank() == 0:
            save_epoch(output, stage, progress)
        distributed.wait()
    return progress


def _show_data(splits: Splits) -> None:
    if distributed.rank() > 0:
        return
    validated = splits.validation_images
    print(
        f"{len(splits.train.images)} training and {len(validated)} validation images, "
        f"{len(splits.vocabulary)} words"
    )
    learnt = {_file(image) for image in splits.train.images if image.captions}
    both = sum(_file(image) in learnt for image in validated)
    if both:
        print(
            f"{both} of the validation images are trained on too, so that scores of them tell "
            "nothing of new ones; expected others: 'part' divides a source"
        )
    for name, images in splits.val.items():
        if images[0].captions and len(images) == 1:  # no word tells it from other images
            print(
                f"data.val: {name} has one image, of which CIDEr is 0 whatever is said; expected "
                "several, to choose the best epoch by"
            )


def _file(image: CaptionedImage) -> tuple[int, int]:
    """Which file an image is, by whatever path."""
    status = image.path.stat()
    return status.st_dev, status.st_ino


def _show_lost_words(config: TrainConfig, splits: Splits) -> None:
    """Words of the captions that a new run would learn, but the vocabulary of an earlier lacks."""
    if not config.start_from or distributed.rank() > 0:
        return
    count = config.data.min_word_count
    frequent = frequent_words(splits.train.captions, count)
    lost = [word for word in frequent if not splits.vocabulary.known_ids([word])]
    if lost:
        print(
            f"{len(lost)} words that occur {count} times or more in the captions are not in the "
            f"vocabulary of {config.start_from} and are not learnt, e.g. {', '.join(lost[:5])}; "
            "to learn them, train without start_from"
        )


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


def _epoch(
    stage: Stage, epoch: int, stage_epoch: int, progress: Progress, logbook: Logbook
) -> Progress:
    watch = Stopwatch()
    number = len(progress.history) + 1
    shown, images = _train_epoch(stage, epoch, stage_epoch, watch, f"epoch {number} {stage.name}")
    scores, captions = distributed.shared(validate(stage) if distributed.rank() == 0 else ({}, []))
    watch.lap("validation")
    entry = {
        "epoch": number,
        "stage": stage.name,
        "encoder_stages": stage.settings.encoder_stages,
        stage.objective.name: shown,
        **scores,
    }
    if distributed.rank() == 0:
        texts = [f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in entry.items()]
        print("  ".join(texts))
        speed = images / (watch["reading"] + watch["steps"])
        print(f"{speed:.1f} images/s; of {watch.total:.0f} s: {watch}")
        logbook.write(entry | {"images_per_s": speed}, captions)
    return dataclasses.replace(
        progress,
        epochs_done=epoch + 1,
        best_cider=max(progress.best_cider, scores["CIDEr"]),
        history=[*progress.history, entry],
    )


@told_readers()
@told_memory("a step in more parts: resume with --set optim.parts=2, or more")
def _train_epoch(
    stage: Stage, epoch: int, stage_epoch: int, watch: Stopwatch, title: str
) -> tuple[float, int]:
    """Train one epoch; returns the mean of what its objective shows, and how many images it had.

    The bar has the title; the watch has laps of ``reading``, which is waiting for images, and
    ``steps``.
    """
    torch.manual_seed(stage.config.seed + 1000 * (epoch + 1) + distributed.rank())
    batches = stage.batches(epoch)
    steps = stage.settings.epochs * len(batches)
    device = device_of(stage.model)
    summed, count, images = 0.0, 0, 0
    silent = distributed.rank() > 0
    if not stage_epoch and not silent:
        _show_few_steps(stage, steps)
    bar = tqdm(batches, desc=title, unit="step", disable=silent)
    for index, (batch, sentences) in enumerate(bar):
        watch.lap("reading")
        loss = stage.step(
            batch.to(device),
            stage_epoch * len(batches) + index,
            steps,
            sentences.to(device) if sentences is not None else None,
        )
        summed, count = summed + loss.shown * loss.shown_over, count + loss.shown_over
        images += len(batch.indices)
        bar.set_postfix({stage.objective.name: f"{summed / max(1, count):.3f}"})
        watch.lap("steps")
    mean = distributed.total(summed, device) / max(1.0, distributed.total(count, device))
    return mean, images * distributed.count()


def _show_few_steps(stage: Stage, steps: int) -> None:
    """What a config asks of a stage that was written for more images, or for smaller batches."""
    warmup, decay = stage.settings.warmup_steps, stage.config.optim.ema_decay
    if warmup > steps:
        print(
            f"{stage.name}.warmup_steps: found {warmup} for {steps} steps in all, in which the "
            "learning rates never reach their peak; expected fewer"
        )
    averaged = round(1 / (1 - decay))
    if averaged > steps:
        print(
            f"optim.ema_decay: found {decay}, an average over some {averaged} steps, for {steps} "
            f"steps of {stage.name} in all, of which the weights that are kept learn little; "
            "expected less"
        )


@told_memory("fewer images at once: resume with a smaller validation.batch")
def validate(stage: Stage) -> tuple[dict[str, float], list[Caption]]:
    """Beam-searched captions of the validation sources, see `validation_scores`.

    Returns:
        The scores, and the captions of the first images, for people to look at.
    """
    options = stage.config.validation.decoding
    vocabulary = stage.splits.vocabulary
    found = search_batches(stage.averaged.decoder, stage.validation(), vocabulary, options)
    captions = [worded(hypothesis, vocabulary) for hypothesis in found]
    scores = validation_scores(stage.splits.val, [caption.text for caption in captions])
    return scores, captions[:SHOWN]


if __name__ == "__main__":
    sys.exit(main())
