"""One epoch of a stage: its steps, its validation, and what is told of it."""

from __future__ import annotations

import dataclasses

import torch
from tqdm import tqdm

from ros2_captioner.captions import Caption
from training.data.batches import told_readers
from training.machine import distributed
from training.machine.memory import told_memory
from training.machine.stopwatch import Stopwatch
from training.model.captioning import device_of
from training.optimisation.checkpoint import Progress
from training.optimisation.logbook import SHOWN, Logbook
from training.optimisation.notices import few_steps
from training.optimisation.stages import Stage
from training.scoring.decode import caption_batches
from training.scoring.validation import validation_scores


def run_epoch(
    stage: Stage, epoch: int, stage_epoch: int, progress: Progress, logbook: Logbook
) -> Progress:
    """Train and validate an epoch, and tell of it.

    Args:
        stage: that it belongs to.
        epoch: its number within the run, from 0.
        stage_epoch: its number within the stage, from 0.
        progress: so far.
        logbook: of the run.

    Returns:
        The progress with this epoch.
    """
    watch = Stopwatch()
    number = len(progress.history) + 1
    shown, images = _train_epoch(stage, epoch, stage_epoch, watch, f"epoch {number} {stage.name}")
    scores, captions = distributed.shared(validate(stage) if distributed.rank() == 0 else ({}, []))
    watch.lap("validation")
    entry = {
        "epoch": number,
        "stage": stage.name,
        "encoder_stages": stage.settings.trained_encoder_stages,
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
        for line in few_steps(stage, steps):
            print(line)
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


@told_memory("fewer images at once: resume with a smaller validation.batch")
def validate(stage: Stage) -> tuple[dict[str, float], list[Caption]]:
    """Beam-searched captions of the validation sources, see `validation_scores`.

    Returns:
        The scores, and the captions of the first images, for people to look at.
    """
    options = stage.config.validation.decoding
    vocabulary = stage.splits.vocabulary
    captions = caption_batches(stage.averaged.decoder, stage.validation(), vocabulary, options)
    scores = validation_scores(stage.splits.val, [caption.text for caption in captions])
    return scores, captions[:SHOWN]
