"""A stage of training: what is trained, on what, how fast."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from ros2_captioner.vocabulary import Vocabulary
from training.config.settings import StageConfig, TrainConfig
from training.data.augment import Augmentation
from training.data.batches import Batch, PictureDataset, loader
from training.data.captions import CaptionedPicture
from training.data.frames import read_map
from training.model.captioning import CaptionModel, device_of
from training.model.decoder import Prepared
from training.model.features import cached_maps
from training.optimisation import distributed
from training.optimisation.checkpoint import TrainingState
from training.optimisation.objectives import CrossEntropy, Loss, Objective, SelfCritical
from training.optimisation.updater import Groups, LossModule, Updater
from training.scoring.decode import prepared_pictures

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
        module = LossModule(model, self.objective, self._kept)
        self._updater = Updater(
            module, self._parameter_groups(), self.objective, config.optim, device_of(model)
        )
        decay = config.optim.ema_decay
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        # Here and not when they are needed: every process takes part in computing them.
        self._validation_maps = self._maps(splits.val) if self._kept else None
        self._dataset = PictureDataset(
            splits.train,
            splits.vocabulary,
            config.data.max_words,
            config.model.image_size,
            self._maps(splits.train) if self._kept else None,
            Augmentation(config.optim),
        )

    def _objective(self) -> Objective:
        optim = self.config.optim
        if self.name == "self_critical":
            return SelfCritical(
                self.splits.train,
                self.splits.vocabulary,
                optim.samples,
                self.config.data.max_words,
                optim.sampled_dropout,
                optim.bleu_weight,
            )
        return CrossEntropy(
            optim.label_smoothing, optim.scheduled_sampling, optim.attention_penalty
        )

    def _parameter_groups(self) -> Groups:
        """What is trained, each group with its peak learning rate."""
        encoder, settings = self.model.encoder, self.settings
        upper = encoder.stages[self._kept :] if self._kept else encoder
        groups = [
            (list(self.model.decoder.parameters()), settings.decoder_lr),
            (list(upper.parameters()), settings.encoder_lr),
        ]
        return [group for group in groups if group[0]]

    @property
    def state(self) -> TrainingState:
        """What a checkpoint holds beside the model."""
        return TrainingState(self._updater.optimiser, self.average, self._updater.scaler)

    def _maps(self, pictures: list[CaptionedPicture]) -> list[Path]:
        paths = [picture.path for picture in pictures]
        size = self.config.model.image_size
        with distributed.first_before_others():
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
            processes=distributed.count(),
            rank=distributed.rank(),
        )

    def step(self, batch: Batch, step: int, steps: int) -> Loss:
        """One update from one batch, number ``step`` of the stage's ``steps``."""
        rate = rate_factor(step, steps, self.settings.warmup_steps)
        loss = self._updater.step(batch, rate, step / steps)
        self.average.update_parameters(self.model)
        return loss

    def validation(self) -> Iterator[Prepared]:
        """The validation pictures, in order, under the averaged weights."""
        maps = self._validation_maps
        if maps is None:
            yield from prepared_pictures(self.averaged, self.splits.val, self.config)
            return
        size = self.config.validation.batch
        for first in range(0, len(maps), size):
            batch = np.stack([read_map(file) for file in maps[first : first + size]])
            grids = torch.from_numpy(batch).to(device_of(self.model))
            yield self.averaged.prepare(grids, self._kept)

    @property
    def averaged(self) -> CaptionModel:
        """The model with the moving average of its weights."""
        return cast(CaptionModel, self.average.module)


def rate_factor(step: int, steps: int, warmup: int) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then a cosine to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
