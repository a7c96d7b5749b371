"""One optimiser step: forward, backward, clipping, update; in parts, precisions and processes."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.parallel import DistributedDataParallel

from training.config.settings import ConfigError, OptimConfig
from training.data.batches import Batch
from training.machine import distributed
from training.machine.arithmetic import arithmetic
from training.model.captioning import CaptionModel
from training.model.distillation import ImageNetMemory
from training.model.evidence import evidence_loss
from training.optimisation.objectives import Loss, Objective
from training.optimisation.teachers import Teachers

Groups = list[tuple[list[nn.Parameter], float]]


class Losses(NamedTuple):
    """What a batch of images and one of sentences are trained on, see `LossModule`.

    Attributes:
        captions: of the objective.
        images: sum of all losses that are means over images, each with its weight.
        sentences: of the objective, with its weight; None without sentences.
    """

    captions: Loss
    images: Tensor
    sentences: Loss | None


class LossModule(nn.Module):
    """Model and losses as one module: what data-parallel training wraps needs one forward.

    Args:
        model: to be trained.
        objective: of captions.
        optim: weights of the losses beside it.
        stages_done: of the ResNet, see `GridEncoder.forward`.
        memory: holds the encoder to its start weights, if asked for.
        teachers: earlier runs whose predictions are learnt, if there are any.
    """

    def __init__(
        self,
        model: CaptionModel,
        objective: Objective,
        optim: OptimConfig,
        stages_done: int,
        memory: ImageNetMemory | None = None,
        teachers: Teachers | None = None,
    ) -> None:
        super().__init__()
        self.model, self._memory, self._teachers = model, memory, teachers
        self.objective, self.optim, self._stages_done = objective, optim, stages_done

    def forward(self, batch: Batch, progress: float, sentences: Batch | None = None) -> Losses:
        """Losses of a batch of images and one of sentences (Venugopalan et al. 2017)."""
        optim = self.optim
        grid = self.model.encoder(batch.images, self._stages_done)
        prepared = self.model.decoder.prepare(grid)
        if self._teachers is not None:
            batch = self._teachers(batch, grid)
        loss = self.objective(self.model.decoder, prepared, batch, progress)
        of_images = loss.value.new_zeros(())
        if optim.evidence_weight and prepared.word_logits is not None:
            evidence = evidence_loss(prepared.word_logits, batch.known)
            of_images = of_images + optim.evidence_weight * evidence
        if self._memory is not None:
            distilled = self._memory(batch.images, grid, self._stages_done)
            of_images = of_images + optim.distillation * distilled
        of_sentences = self._sentence_loss(sentences, progress) if sentences is not None else None
        return Losses(loss, of_images, of_sentences)

    def _sentence_loss(self, sentences: Batch, progress: float) -> Loss:
        """The objective of sentences, from the evidence that their images would have given."""
        decoder = self.model.decoder
        assert decoder.evidence is not None
        prepared = decoder.prepare_imagined(decoder.evidence.imagined(sentences.known))
        loss = self.objective(decoder, prepared, sentences, progress)
        return loss._replace(value=self.optim.sentence_weight * loss.value)


class Updater:
    """AdamW over groups of parameters, each with its peak learning rate.

    Args:
        module: gives the losses.
        groups: what is trained; other parameters are frozen.
        device: where the module is.

    Attributes:
        optimiser: AdamW.
        dtype: of the arithmetic; None is float32.
        scaler: of float16's gradients.
    """

    def __init__(self, module: LossModule, groups: Groups, device: torch.device) -> None:
        self._groups, self._device = groups, device
        self._optim = optim = module.optim
        self._dropout = module.objective.dropout
        self._trained = [parameter for parameters, _ in groups for parameter in parameters]
        module.requires_grad_(False)
        for parameter in self._trained:
            parameter.requires_grad_(True)
        self._module: nn.Module = (
            DistributedDataParallel(module) if distributed.count() > 1 else module
        )
        self.optimiser = torch.optim.AdamW(
            [{"params": parameters} for parameters, _ in groups],
            weight_decay=optim.weight_decay,
            fused=True,
        )
        self.dtype = arithmetic(optim.precision, device)
        # Small float16 gradients vanish unless scaled; the other types have float32's range.
        self.scaler = GradScaler(device.type, enabled=self.dtype == torch.float16)

    def step(
        self, batch: Batch, rate: float, progress: float, sentences: Batch | None = None
    ) -> Loss:
        """Update once.

        Args:
            batch: this process's share of the step's images.
            rate: share of the peak learning rates.
            progress: share of the stage that is done.
            sentences: this process's share of the step's sentences.

        Returns:
            The captions' loss over this process's share, its value detached.

        Raises:
            ConfigError: the training has diverged.
        """
        for group, (_, peak) in zip(self.optimiser.param_groups, self._groups, strict=True):
            group["lr"] = peak * rate
        self._module.train(self._dropout)
        self.optimiser.zero_grad(set_to_none=True)
        parts = batch.split(self._optim.parts)
        sentence_parts = sentences.split(len(parts)) if sentences is not None else []
        # Of all processes and parts, so that the means of the parts add up to those of the step.
        images = self._total(len(batch.indices))
        sentence_words = self._total(sum(len(part.targets) for part in sentence_parts))
        # How many words captions will have that are sampled in a part is known only after it; as
        # many as the references until then.
        guessed_words = self._total(len(batch.targets))
        losses = []
        for place, (part, sentence_part) in enumerate(zip_longest(parts, sentence_parts)):
            with self._no_exchange(last=place + 1 == len(parts)):
                loss, of_images, of_sentences = self._forward(part, progress, sentence_part)
                beside = of_images * (len(part.indices) / images)
                if of_sentences is not None:
                    beside = beside + of_sentences.value * (of_sentences.words / sentence_words)
                # In advance, as `_scale_gradients` will divide these by it too.
                beside = beside * _sampled(loss, part)
                value = loss.value * (loss.words / guessed_words) + beside
                # Gradients are averaged over processes, so each is scaled up by their number.
                self.scaler.scale(value * distributed.count()).backward()
            losses.append(loss._replace(value=loss.value.detach()))
        self.scaler.unscale_(self.optimiser)
        self._scale_gradients(guessed_words, sum(loss.words for loss in losses))
        norm = nn.utils.clip_grad_norm_(self._trained, self._optim.clip_norm)
        if not self.scaler.is_enabled() and not norm.isfinite():  # it leaves such a step out
            raise ConfigError(
                "found gradients that are not finite, which would be lost weights; expected lower "
                "learning rates: choose another --output, with --set start_from=... to go on from "
                "this run's best weights"
            )
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return _joined(losses)

    def _total(self, number: float) -> float:
        """The sum of a number over all processes, at least 1: a divisor."""
        return max(1.0, distributed.total(number, self._device))

    def _scale_gradients(self, guessed_words: float, words: int) -> None:
        """Make gradients of a sum that was divided by ``guessed_words`` those of the mean."""
        factor = guessed_words / self._total(words)
        if factor != 1:
            gradients = [p.grad for p in self._trained if p.grad is not None]
            torch._foreach_mul_(gradients, factor)

    def _forward(self, part: Batch, progress: float, sentences: Batch | None) -> Losses:
        with torch.autocast(self._device.type, self.dtype, enabled=self.dtype is not None):
            losses: Losses = self._module(part, progress, sentences)
        return losses

    def _no_exchange(self, *, last: bool) -> Any:
        """Gradients travel between processes only with the last part."""
        if last or not isinstance(self._module, DistributedDataParallel):
            return nullcontext()
        return self._module.no_sync()


def _sampled(loss: Loss, part: Batch) -> float:
    """Words that a part's captions had, for each that they were guessed to have."""
    return loss.words / len(part.targets) if len(part.targets) else 1.0


def _joined(losses: list[Loss]) -> Loss:
    """The loss of a batch from those of its parts."""
    words = sum(loss.words for loss in losses)
    shown_over = sum(loss.shown_over for loss in losses)
    value = torch.stack([loss.value * loss.words for loss in losses]).sum() / max(1, words)
    shown = sum(loss.shown * loss.shown_over for loss in losses) / max(1, shown_over)
    return Loss(value, shown, words, shown_over)
