"""Keeps a fine-tuned encoder near what its start weights knew."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.config.settings import ModelConfig
from training.model.encoder import GridEncoder, build_classifier

_SAME = 1e-3  # relative; more than the rounding of a bundle's float16 weights


class ImageNetMemory(nn.Module):
    """Learning without forgetting (Li and Hoiem 2016, section 3).

    A few thousand captioned images are soon memorised; ImageNet's classes of the same images, as
    the start weights see them, need no captions and hold the encoder to what tells them apart.

    Args:
        encoder: the start weights.
        classes: their classifier of the mean cell.
    """

    def __init__(self, encoder: GridEncoder, classes: nn.Linear) -> None:
        super().__init__()
        self._encoder, self._classes = encoder, classes

    @classmethod
    def of(cls, config: ModelConfig) -> ImageNetMemory:
        """The memory of a config's start weights."""
        return cls(*build_classifier(config))

    def shares_lower(self, encoder: GridEncoder, stages: int) -> bool:
        """Whether maps of an encoder's first stages are also those of the start weights."""
        own, its = (
            [tensor for part in one.lower_parts(stages) for tensor in part.parameters()]
            for one in (self._encoder, encoder)
        )
        pairs = zip(own, its, strict=True)
        return all(torch.allclose(one, other, rtol=_SAME, atol=1e-6) for one, other in pairs)

    def forward(self, images: Tensor, grid: Tensor, stages_done: int) -> Tensor:
        """Mean cross-entropy with the start weights' own classes, in nats.

        Args:
            images: as `GridEncoder` takes them; maps must be those of the start weights, see
                `shares_lower`.
            grid: ``[B, L, C]`` that the encoder in training made of them.
            stages_done: see `GridEncoder.forward`.
        """
        with torch.no_grad():
            remembered = self._classes(self._encoder(images, stages_done).mean(dim=1))
        now = self._classes(grid.mean(dim=1))
        return nn.functional.cross_entropy(now, remembered.softmax(dim=-1))
