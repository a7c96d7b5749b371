"""A stage of training: what is trained, on what, how fast."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from ros2_captioner.vocabulary import Vocabulary
from training.config.settings import ConfigError, StageConfig, TrainConfig
from training.data.augment import Augmentation
from training.data.batches import Batch, loader
from training.data.captions import CaptionedImage
from training.data.datasets import ImageDataset, SentenceDataset
from training.data.frames import read_map
from training.data.sampler import EpochSampler, Share
from training.data.sources import Sources
from training.machine import distributed
from training.model.captioning import CaptionModel, device_of
from training.model.decoder import Prepared
from training.model.distillation import ImageNetMemory
from training.model.encoder import GridEncoder
from training.model.features import cached_maps
from training.optimisation.checkpoint import TrainingState
from training.optimisation.objectives import CrossEntropy, Loss, Objective, SelfCritical
from training.optimisation.run import Run
from training.optimisation.teachers import Teachers
from training.optimisation.updater import Groups, LossModule, Updater
from training.scoring.decode import prepared_images

STAGES = ("frozen", "finetune", "self_critical")
_RESNET_STAGES = 4


@dataclass(frozen=True)
class Splits:
    """The data of a run.

    Attributes:
        train: images and sentences.
        val: images of each validation source, by its name.
        vocabulary: of the training captions and sentences, behind that of the run that it starts
            from, if it starts from one.
        teachers: earlier runs, each by the name of the source of images that it teaches.
        new_words: of the vocabulary, its last ones, which the run that it starts from lacks.
    """

    train: Sources
    val: dict[str, list[CaptionedImage]]
    vocabulary: Vocabulary
    teachers: dict[str, Run] = field(default_factory=dict)
    new_words: tuple[str, ...] = ()

    @property
    def validation_images(self) -> list[CaptionedImage]:
        """The images of all validation sources, source after source."""
        return [image for images in self.val.values() for image in images]


def check_stages(config: TrainConfig, encoder: GridEncoder) -> None:
    """Refuse before the first stage what a later one cannot do: its turn comes after hours.

    Args:
        config: of the run.
        encoder: that it begins with.

    Raises:
        ConfigError: a stage's batch cannot be shared out, the start weights have no classes to
            distil, or the maps that a stage begins with are not those of the start weights.
    """
    processes, unchanged = distributed.count(), _RESNET_STAGES
    for name in STAGES:
        settings: StageConfig = getattr(config, name)
        if not settings.epochs:
            continue
        if settings.batch % processes:
            raise ConfigError(
                f"{name}.batch: found {settings.batch} images for {processes} processes; "
                "expected a multiple of their number"
            )
        stages, done = settings.encoder_stages, _RESNET_STAGES - settings.encoder_stages
        if _distils(config, settings):
            memory = ImageNetMemory.of(config.model)
            if done and (done > unchanged or not memory.shares_lower(encoder, done)):
                raise ConfigError(
                    f"{name}.encoder_stages: found {stages} with optim.distillation and trained "
                    "stages below, whose maps say nothing to the start weights; expected 4, or "
                    "optim.distillation 0"
                )
        if settings.trained_encoder_stages:
            unchanged = min(unchanged, done)


def _distils(config: TrainConfig, settings: StageConfig) -> bool:
    """Whether a stage is held to the start weights; a frozen encoder forgets nothing."""
    return bool(config.optim.distillation and settings.trained_encoder_stages)


class StepBatches:
    """What each step of an epoch trains on: images, and sentences where there are any.

    Args:
        images: decide how many steps there are.
        sentences: about as many, none if None.
    """

    def __init__(
        self, images: DataLoader[Batch], sentences: DataLoader[Batch] | None = None
    ) -> None:
        self._images, self._sentences = images, sentences

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[tuple[Batch, Batch | None]]:
        # Chance may draw a batch of sentences too few for the last step, which goes without.
        return zip(self._images, chain(self._sentences or (), repeat(None)), strict=False)


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
        self._cache = cache
        self._stages_done = _RESNET_STAGES - self.settings.encoder_stages
        self._images = splits.train.images
        if name == "self_critical":  # only what people said of an image rewards a caption
            self._images = [image for image in self._images if image.captions]
        self.objective = self._objective()
        optim, device = config.optim, device_of(model)
        module = LossModule(
            model, self.objective, optim, self._stages_done, self._memory(), self._teachers()
        ).to(device)
        self._updater = Updater(module, self._parameter_groups(), device)
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(optim.ema_decay))
        # Here and not when they are needed: every process takes part in computing them.
        self._validation_maps = self._maps(splits.validation_images) if self._stages_done else None
        self._dataset = ImageDataset(
            self._images,
            splits.vocabulary,
            model.evidence_ids,  # an earlier run's are not what these data would choose
            config.data.max_words,
            config.model.image_size,
            self._maps(self._images) if self._stages_done else None,
            Augmentation(optim),
        )
        self._sentences = self._sentence_dataset()

    def _memory(self) -> ImageNetMemory | None:
        """What holds the trained part of the encoder to its start weights, if asked for."""
        if not _distils(self.config, self.settings):
            return None
        return ImageNetMemory.of(self.config.model)

    def _teachers(self) -> Teachers | None:
        """The earlier runs that teach, if there are any; the reward needs no targets."""
        if self.name == "self_critical" or not self.splits.teachers:
            return None
        return Teachers(self.splits.teachers, self._images, self.model, self.splits.vocabulary)

    def _sentence_dataset(self) -> SentenceDataset | None:
        """The sentences, where they are trained on."""
        config, sentences = self.config, self.splits.train.sentences
        if not config.optim.sentence_weight or self.name == "self_critical" or not sentences:
            return None
        return SentenceDataset(
            sentences, self.splits.vocabulary, self.model.evidence_ids, config.data.max_words
        )

    def _objective(self) -> Objective:
        optim, vocabulary = self.config.optim, self.splits.vocabulary
        if self.name == "self_critical":
            return SelfCritical(self._images, vocabulary, optim, self.config.data.max_words)
        return CrossEntropy(optim)

    def _parameter_groups(self) -> Groups:
        """What is trained, each group with its peak learning rate."""
        encoder, settings = self.model.encoder, self.settings
        decoder = dict(self.model.decoder.named_parameters())
        if not self.config.optim.evidence_weight:
            # No other loss reaches them, and processes would wait for their gradients.
            decoder = {k: v for k, v in decoder.items() if not k.startswith("evidence.")}
        groups = [(list(decoder.values()), settings.decoder_lr)]
        if settings.trained_encoder_stages:
            upper = encoder.stages[self._stages_done :] if self._stages_done else encoder
            groups.append((list(upper.parameters()), settings.encoder_lr))
        return groups

    @property
    def state(self) -> TrainingState:
        """What a checkpoint holds beside the model."""
        return TrainingState(self._updater.optimiser, self.average, self._updater.scaler)

    def _maps(self, images: list[CaptionedImage]) -> list[Path]:
        files = cached_maps(
            self.model.encoder,
            self._stages_done,
            [image.path for image in images],
            self.config.model.image_size,
            self._cache,
            self._updater.dtype,
            slice(distributed.rank(), None, distributed.count()),
        )
        distributed.wait()
        return files

    def batches(self, epoch: int) -> StepBatches:
        """Training batches in an order that depends on the seed and the epoch alone."""
        seed, size = self.config.seed + epoch, self.settings.batch
        vocabulary = self.splits.vocabulary
        workers = distributed.readers(self.config.optim.workers, device_of(self.model))
        share = Share(distributed.rank(), distributed.count())
        sampler = EpochSampler([image.weight for image in self._images], seed, share)
        if not len(sampler):
            weights = sum(image.weight for image in self._images)
            raise ConfigError(
                f"data.train: found weights that sum to {weights:g} images an epoch, of which "
                "chance drew none; expected several: raise 'weight' of the sources"
            )
        images = loader(self._dataset, sampler, vocabulary, size // share.processes, workers)
        if self._sentences is None:
            return StepBatches(images)
        groups = EpochSampler([1.0] * len(self._sentences), seed, share, len(images) * size)
        return StepBatches(
            images,
            loader(self._sentences, groups, vocabulary, size // share.processes, workers),
        )

    def step(self, batch: Batch, step: int, steps: int, sentences: Batch | None = None) -> Loss:
        """One update from one batch, number ``step`` of the stage's ``steps``."""
        rate = rate_factor(step, steps, self.settings.warmup_steps)
        loss = self._updater.step(batch, rate, step / steps, sentences)
        self.average.update_parameters(self.model)
        return loss

    def validation(self) -> Iterator[Prepared]:
        """The validation images, in order, under the averaged weights."""
        maps = self._validation_maps
        if maps is None:
            yield from prepared_images(self.averaged, self.splits.validation_images, self.config)
            return
        size = self.config.validation.batch
        for first in range(0, len(maps), size):
            batch = np.stack([read_map(file) for file in maps[first : first + size]])
            grids = torch.from_numpy(batch).to(device_of(self.model))
            yield self.averaged.prepare(grids, self._stages_done)

    @property
    def averaged(self) -> CaptionModel:
        """The model with the moving average of its weights."""
        return cast(CaptionModel, self.average.module)


def rate_factor(step: int, steps: int, warmup: int) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then a cosine to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
