"""One optimiser step: forward, backward, clipping, update; in parts, precisions and processes."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.parallel import DistributedDataParallel

from training.config.settings import OptimConfig
from training.data.batches import Batch
from training.model.captioning import CaptionModel
from training.optimisation import distributed
from training.optimisation.objectives import Loss, Objective

Groups = list[tuple[list[nn.Parameter], float]]
_DTYPES = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


class LossModule(nn.Module):
    """Model and objective as one module: what data-parallel training wraps needs one forward.

    Args:
        model: to be trained.
        objective: computes the loss.
        kept: ResNet stages that the batches' pictures have behind them already.
    """

    def __init__(self, model: CaptionModel, objective: Objective, kept: int) -> None:
        super().__init__()
        self.model, self._objective, self._kept = model, objective, kept

    def forward(self, batch: Batch, progress: float) -> Loss:
        """Loss of a batch."""
        prepared = self.model.prepare(batch.pictures, self._kept)
        return self._objective(self.model.decoder, prepared, batch, progress)


class Updater:
    """AdamW over groups of parameters, each with its peak learning rate.

    Args:
        module: gives the loss.
        groups: what is trained; other parameters are frozen.
        objective: says how much a part of a batch counts.
        optim: settings.
        device: where the model is.
    """

    def __init__(
        self,
        module: LossModule,
        groups: Groups,
        objective: Objective,
        optim: OptimConfig,
        device: torch.device,
    ) -> None:
        self._groups, self._objective, self._optim, self._device = groups, objective, optim, device
        self._trained = [parameter for parameters, _ in groups for parameter in parameters]
        module.requires_grad_(False)
        for parameter in self._trained:
            parameter.requires_grad_(True)
        self._module: nn.Module = (
            DistributedDataParallel(module) if distributed.count() > 1 else module
        )
        self.optimiser = torch.optim.AdamW(
            [{"params": parameters} for parameters, _ in groups], weight_decay=optim.weight_decay
        )
        self._dtype = _DTYPES[optim.precision]
        # Small float16 gradients vanish unless scaled; the other types have float32's range.
        self.scaler = GradScaler(device.type, enabled=self._dtype == torch.float16)

    def step(self, batch: Batch, rate: float, progress: float) -> Loss:
        """Update once.

        Args:
            batch: this process's share of the step's pictures.
            rate: share of the peak learning rates.
            progress: share of the stage that is done.

        Returns:
            The loss over the batch, its value detached.
        """
        for group, (_, peak) in zip(self.optimiser.param_groups, self._groups, strict=True):
            group["lr"] = peak * rate
        self._module.train(self._objective.dropout)
        self.optimiser.zero_grad(set_to_none=True)
        parts = batch.split(self._optim.parts)
        weights = [self._objective.weight(part) for part in parts]
        # Gradients are averaged over processes, so each share is scaled up by their number.
        scale = distributed.count() / distributed.total(sum(weights), self._device)
        shown = 0.0
        for place, (part, weight) in enumerate(zip(parts, weights, strict=True)):
            with self._no_exchange(last=place + 1 == len(parts)):
                loss = self._forward(part, progress)
                self.scaler.scale(loss.value * weight * scale).backward()
            shown += loss.shown * weight / sum(weights)
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self._trained, self._optim.clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return Loss(loss.value.detach(), shown, sum(weights))

    def _forward(self, part: Batch, progress: float) -> Loss:
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None):
            loss: Loss = self._module(part, progress)
        return loss

    def _no_exchange(self, *, last: bool) -> Any:
        """Gradients travel between processes only with the last part."""
        if last or not isinstance(self._module, DistributedDataParallel):
            return nullcontext()
        return self._module.no_sync()
