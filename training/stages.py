"""A stage of training: what is trained, on what, how fast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from ros2_captioner.vocabulary import Vocabulary
from training.batches import Batch, PictureDataset, loader
from training.captions_data import CaptionedPicture
from training.config import StageConfig, TrainConfig
from training.decoder import Prepared
from training.features import cached_maps, read_frames
from training.model import CaptionModel
from training.objectives import CrossEntropy, Loss, Objective, SelfCritical

STAGES = ("frozen", "finetune", "self_critical")
_RESNET_STAGES = 4


@dataclass(frozen=True)
class Splits:
    """The pictures of a run and the vocabulary of its training captions."""

    train: list[CaptionedPicture]
    val: list[CaptionedPicture]
    vocabulary: Vocabulary


class Stage:
    """A span of epochs with its own objective, input, optimiser and averaged weights.

    Args:
        name: one of `STAGES`.
        config: of the run.
        model: to be trained.
        splits: the data.
        cache: folder for the maps of the encoder's untrained part.
    """

    def __init__(
        self, name: str, config: TrainConfig, model: CaptionModel, splits: Splits, cache: Path
    ) -> None:
        self.name, self.config, self.model, self.splits = name, config, model, splits
        self.settings: StageConfig = getattr(config, name)
        self.objective = self._objective()
        self._cache = cache
        self._kept = _RESNET_STAGES - self.settings.encoder_stages
        self._groups = self._parameter_groups()
        self.optimiser = torch.optim.AdamW(
            [{"params": parameters} for parameters, _ in self._groups],
            weight_decay=config.optim.weight_decay,
        )
        decay = config.optim.ema_decay
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
        self._dataset = PictureDataset(
            splits.train,
            splits.vocabulary,
            config.data.max_words,
            config.model.image_size,
            self._maps(splits.train) if self._kept else None,
            config.optim.crop_area,
        )

    def _objective(self) -> Objective:
        optim = self.config.optim
        if self.name == "self_critical":
            words = self.config.data.max_words
            return SelfCritical(self.splits.train, self.splits.vocabulary, optim.samples, words)
        return CrossEntropy(optim.label_smoothing)

    def _parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """What is trained, each group with its peak learning rate."""
        encoder, settings = self.model.encoder, self.settings
        parts = [encoder.stages[self._kept :]] if self._kept else [encoder]
        trained = [parameter for part in parts for parameter in part.parameters()]
        groups = [(list(self.model.decoder.parameters()), settings.decoder_lr)]
        return [*groups, (trained, settings.encoder_lr)] if trained else groups

    def _maps(self, pictures: list[CaptionedPicture]) -> NDArray[np.float16]:
        paths = [picture.path for picture in pictures]
        size = self.config.model.image_size
        return cached_maps(self.model.encoder, self._kept, paths, size, self._cache)

    def batches(self, epoch: int) -> DataLoader[Batch]:
        """Training batches in an order that depends on the seed and the epoch alone."""
        config = self.config
        return loader(
            self._dataset,
            self.splits.vocabulary,
            self.settings.batch,
            config.seed + epoch,
            config.optim.workers,
        )

    def step(self, batch: Batch, step: int, steps: int) -> Loss:
        """One update from one batch, number ``step`` of the stage's ``steps``."""
        factor = rate_factor(step, steps, self.settings.warmup_steps)
        for group, (_, peak) in zip(self.optimiser.param_groups, self._groups, strict=True):
            group["lr"] = peak * factor
        self.model.train(self.objective.dropout)
        loss = self.objective(self.model.decoder, self._prepare(self.model, batch.pictures), batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.value.backward()  # type: ignore[no-untyped-call]
        trained = [parameter for parameters, _ in self._groups for parameter in parameters]
        nn.utils.clip_grad_norm_(trained, self.config.optim.clip_norm)
        self.optimiser.step()
        self.average.update_parameters(self.model)
        return loss

    def _prepare(self, model: CaptionModel, pictures: Tensor) -> Prepared:
        if not self._kept:
            return model.prepare(pictures)
        return model.decoder.prepare(model.encoder.upper(pictures, self._kept))

    def validation(self) -> Iterator[Prepared]:
        """The validation pictures, in order, under the averaged weights."""
        if not self._kept:
            yield from prepared_pictures(self.averaged, self.splits.val, self.config)
            return
        size = self.config.validation.batch
        maps = self._maps(self.splits.val)
        for first in range(0, len(maps), size):
            batch = torch.from_numpy(maps[first : first + size].astype(np.float32))
            yield self._prepare(self.averaged, batch.to(device_of(self.model)))

    @property
    def averaged(self) -> CaptionModel:
        """The model with the moving average of its weights."""
        return cast(CaptionModel, self.average.module)

    def finish(self) -> None:
        """Put the averaged weights in the model, for the next stage to start from."""
        self.model.load_state_dict(self.averaged.state_dict())


def prepared_pictures(
    model: CaptionModel, pictures: Sequence[CaptionedPicture], config: TrainConfig
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
