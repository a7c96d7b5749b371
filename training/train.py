"""Train a captioning model: the decoder on cached features first, then encoder and decoder.

python -m training.train --config training/configs/flickr8k.yaml --output runs/flickr8k
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from ros2_captioner.beam_search import DecodingOptions
from training.captions_data import build_vocabulary, read_split
from training.checkpoint import Progress, load_checkpoint, read_progress, save_checkpoint
from training.config import ConfigError, TrainConfig, load_config
from training.decode import decode_batches
from training.metrics import plain_tokens, score_tokens
from training.model import build_model
from training.stages import FinetuneStage, FrozenStage, Splits, Stage, device_of


def main() -> int:
    """Entry point; returns the exit status."""
    arguments = _parser().parse_args()
    try:
        train(load_config(arguments.config, arguments.set), arguments.output, arguments.device)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.train",
        description="Train a captioning model on a data set in COCO captions format or a "
        "Karpathy split. An interrupted run goes on from its last whole epoch when the same "
        "command is typed again.",
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML, see training/configs/")
    parser.add_argument(
        "--output", type=Path, required=True, help="run folder: config, vocabulary, checkpoints"
    )
    parser.add_argument(
        "--set",
        action="append",
        metavar="SECTION.KEY=VALUE",
        help="override one value of the config; may be repeated",
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
        config: see `training.config`.
        output: run folder, made if missing.
        device: torch device name.

    Returns:
        The final progress, with one entry of metrics an epoch.

    Raises:
        ConfigError: bad data or weights, or the folder holds a run with another config.
    """
    _claim(output, config)
    train_pictures = read_split(config.data, "train")
    vocabulary = build_vocabulary(train_pictures, config.data.min_word_count)
    (output / "vocabulary.json").write_text(vocabulary.to_json(), encoding="utf-8")
    splits = Splits(train_pictures, read_split(config.data, "val"), vocabulary)
    print(
        f"{len(splits.train)} training and {len(splits.val)} validation pictures, "
        f"{len(vocabulary)} words"
    )
    torch.manual_seed(config.seed)
    model = build_model(config.model, len(vocabulary)).to(device)

    last = output / "last.safetensors"
    progress = read_progress(last) if last.is_file() else Progress()
    frozen, total = config.optim.frozen_epochs, _total_epochs(config)
    stage: Stage | None = None
    for epoch in range(progress.epochs_done, total):
        if stage is None or epoch == frozen:
            stage_class = FrozenStage if epoch < frozen else FinetuneStage
            stage = stage_class(config, model, splits, output.parent / "cache")
            first = 0 if epoch < frozen else frozen
            if last.is_file():
                same_stage = epoch > first
                load_checkpoint(last, model, stage.optimiser if same_stage else None)
        progress = _epoch(stage, epoch, epoch - first, progress)
        if progress.history[-1]["CIDEr"] >= progress.best_cider:
            save_checkpoint(output / "best.safetensors", model, progress)
        save_checkpoint(last, model, progress, stage.optimiser)
    print(f"best validation CIDEr {progress.best_cider:.4f} in {output / 'best.safetensors'}")
    return progress


def _total_epochs(config: TrainConfig) -> int:
    return config.optim.frozen_epochs + config.optim.finetune_epochs


def _claim(output: Path, config: TrainConfig) -> None:
    """Write the run's config, or refuse to mix two configs in one folder."""
    output.mkdir(parents=True, exist_ok=True)
    file = output / "config.json"
    text = json.dumps(dataclasses.asdict(config), indent=2)
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise ConfigError(
            f"{output} holds a run with another config; choose another --output, or delete it"
        )
    file.write_text(text, encoding="utf-8")


def _epoch(stage: Stage, epoch: int, stage_epoch: int, progress: Progress) -> Progress:
    loss = _train_epoch(stage, epoch, stage_epoch)
    scores = validate(stage)
    entry = {"epoch": epoch + 1, "stage": stage.name, "loss": loss, **scores}
    print(
        "  ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in entry.items())
    )
    return Progress(
        epoch + 1, max(progress.best_cider, scores["CIDEr"]), [*progress.history, entry]
    )


def _train_epoch(stage: Stage, epoch: int, stage_epoch: int) -> float:
    """Train one epoch; returns its mean cross-entropy a word, in nats."""
    optim, model = stage.config.optim, stage.model
    torch.manual_seed(stage.config.seed + 1000 * (epoch + 1))
    criterion = nn.CrossEntropyLoss(label_smoothing=optim.label_smoothing)
    batches = stage.batches(epoch)
    model.train()
    summed, words = 0.0, 0
    bar = tqdm(batches, desc=f"epoch {epoch + 1} {stage.name}", unit="step")
    for index, batch in enumerate(bar):
        batch = batch.to(device_of(model))
        stage.set_rates(stage_epoch * len(batches) + index, stage.epochs * len(batches))
        logits = model.decoder(stage.prepare(batch.pictures), batch.tokens, batch.valid)
        loss = criterion(logits, batch.targets)
        stage.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(
            [p for group in stage.optimiser.param_groups for p in group["params"]], optim.clip_norm
        )
        stage.optimiser.step()
        summed, words = summed + loss.item() * len(logits), words + len(logits)
        bar.set_postfix(loss=f"{summed / words:.3f}")
    return summed / words


def validate(stage: Stage) -> dict[str, float]:
    """Scores, x1, of beam-searched captions of the validation split, tokenised without Java."""
    validation = stage.config.validation
    options = DecodingOptions(
        beam_width=validation.beam_width, length_penalty=validation.length_penalty
    )
    splits = stage.splits
    texts = decode_batches(stage.model.decoder, stage.validation(), splits.vocabulary, options)
    references = plain_tokens([picture.captions for picture in splits.val])
    return score_tokens(plain_tokens([[text] for text in texts]), references)


if __name__ == "__main__":
    sys.exit(main())
