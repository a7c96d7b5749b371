"""The two stages of training: what is trained, on what, how fast."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from ros2_captioner.vocabulary import Vocabulary
from training.batches import Batch, PictureDataset, loader
from training.captions_data import CaptionedPicture
from training.config import TrainConfig
from training.decoder import Prepared
from training.features import cached_grids, read_frames
from training.model import CaptionModel


@dataclass(frozen=True)
class Splits:
    """The pictures of a run and the vocabulary of its training captions."""

    train: list[CaptionedPicture]
    val: list[CaptionedPicture]
    vocabulary: Vocabulary


class Stage(ABC):
    """A span of epochs with its own optimiser and input.

    Args:
        config: of the run.
        model: to be trained.
        splits: the data.
        cache: folder for cached grids.
    """

    name: str

    def __init__(
        self, config: TrainConfig, model: CaptionModel, splits: Splits, cache: Path
    ) -> None:
        self.config, self.model, self.splits, self.cache = config, model, splits, cache
        groups = self.parameter_groups()
        self.optimiser = torch.optim.AdamW(groups, weight_decay=config.optim.weight_decay)
        self._dataset = PictureDataset(
            splits.train,
            splits.vocabulary,
            config.data.max_words,
            config.model.image_size,
            self.training_grids(),
        )

    @abstractmethod
    def parameter_groups(self) -> list[dict[str, Any]]:
        """What is trained, each group with its ``peak_lr``."""

    @abstractmethod
    def training_grids(self) -> NDArray[np.float16] | None:
        """Cached grids to train on, or None to train on frames."""

    @property
    @abstractmethod
    def batch_size(self) -> int:
        """Pictures a step."""

    @property
    @abstractmethod
    def epochs(self) -> int:
        """Epochs of the stage."""

    @property
    @abstractmethod
    def warmup_steps(self) -> int:
        """Steps of linear warm-up."""

    @abstractmethod
    def prepare(self, pictures: Tensor) -> Prepared:
        """A batch's pictures to what the decoder needs."""

    @abstractmethod
    def validation(self) -> Iterator[Prepared]:
        """The validation pictures, in order."""

    def batches(self, epoch: int) -> DataLoader[Batch]:
        """Training batches in an order that depends on the seed and the epoch alone."""
        config = self.config
        return loader(
            self._dataset,
            self.splits.vocabulary,
            self.batch_size,
            config.seed + epoch,
            config.optim.workers,
        )

    def set_rates(self, step: int, steps: int) -> None:
        """Set every group's learning rate for a step of the stage."""
        factor = rate_factor(step, steps, self.warmup_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak_lr"] * factor


class FrozenStage(Stage):
    """Trains the decoder alone, on cached grids of the untouched encoder."""

    name = "frozen"

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The decoder."""
        lr = self.config.optim.decoder_lr
        return [{"params": list(self.model.decoder.parameters()), "peak_lr": lr}]

    def training_grids(self) -> NDArray[np.float16]:
        """Grids of the training pictures."""
        return self._grids(self.splits.train)

    @property
    def batch_size(self) -> int:
        """Pictures a step."""
        return self.config.optim.frozen_batch

    @property
    def epochs(self) -> int:
        """Epochs of the stage."""
        return self.config.optim.frozen_epochs

    @property
    def warmup_steps(self) -> int:
        """Steps of linear warm-up."""
        return self.config.optim.frozen_warmup_steps

    def prepare(self, pictures: Tensor) -> Prepared:
        """Grids to what the decoder needs."""
        return self.model.decoder.prepare(pictures)

    def validation(self) -> Iterator[Prepared]:
        """From cached grids."""
        size = self.config.validation.batch
        grids = self._grids(self.splits.val)
        for first in range(0, len(grids), size):
            batch = torch.from_numpy(grids[first : first + size].astype(np.float32))
            yield self.model.decoder.prepare(batch.to(device_of(self.model)))

    def _grids(self, pictures: list[CaptionedPicture]) -> NDArray[np.float16]:
        paths = [picture.path for picture in pictures]
        return cached_grids(self.model.encoder, paths, self.config.model.image_size, self.cache)


class FinetuneStage(Stage):
    """Trains encoder and decoder together on the pictures, each with its own learning rate."""

    name = "finetune"

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Decoder and encoder, all layers."""
        optim, model = self.config.optim, self.model
        return [
            {"params": list(model.decoder.parameters()), "peak_lr": optim.finetune_decoder_lr},
            {"params": list(model.encoder.parameters()), "peak_lr": optim.encoder_lr},
        ]

    def training_grids(self) -> None:
        """None: the grids change with the encoder."""

    @property
    def batch_size(self) -> int:
        """Pictures a step."""
        return self.config.optim.finetune_batch

    @property
    def epochs(self) -> int:
        """Epochs of the stage."""
        return self.config.optim.finetune_epochs

    @property
    def warmup_steps(self) -> int:
        """Steps of linear warm-up."""
        return self.config.optim.finetune_warmup_steps

    def prepare(self, pictures: Tensor) -> Prepared:
        """Frames to what the decoder needs."""
        return self.model.prepare(pictures)

    def validation(self) -> Iterator[Prepared]:
        """From the pictures."""
        return prepared_pictures(self.model, self.splits.val, self.config)


def prepared_pictures(
    model: CaptionModel, pictures: list[CaptionedPicture], config: TrainConfig
) -> Iterator[Prepared]:
    """Read and encode pictures in order, a validation batch at a time."""
    size = config.validation.batch
    for first in range(0, len(pictures), size):
        paths = [picture.path for picture in pictures[first : first + size]]
        frames = torch.from_numpy(read_frames(paths, config.model.image_size))
        yield model.prepare(frames.to(device_of(model)))


def rate_factor(step: int, steps: int, warmup: int) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then a cosine to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def device_of(model: CaptionModel) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device
