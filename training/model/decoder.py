"""What the decoder architectures share: the picture prepared once, tied words, one interface."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.config.settings import ModelConfig


class Prepared(NamedTuple):
    """What the decoder needs of a picture, computed once.

    Attributes:
        features: ``[B, L, D]`` projected grid.
        keys: ``[B, L, A]`` attention keys.
        h0: ``[B, H]`` initial LSTM output.
        c0: ``[B, H]`` initial LSTM cell.
    """

    features: Tensor
    keys: Tensor
    h0: Tensor
    c0: Tensor


class Decoder(nn.Module, ABC):
    """An LSTM that attends to a picture's grid, for teacher forcing and for single steps.

    Attention scores are scaled dot products (two batched products) instead of the additive ones
    of the papers, and the output layer is tied to the word embedding.

    Args:
        config: widths and dropout.
        channels: C of the encoder's grid.
        vocabulary_size: V.
    """

    def __init__(self, config: ModelConfig, channels: int, vocabulary_size: int) -> None:
        super().__init__()
        width, hidden = config.width, config.hidden
        self.project = nn.Linear(channels, width)
        self.key = nn.Linear(width, width, bias=False)
        self.initial = nn.Linear(width, 2 * hidden)
        self.embedding = nn.Embedding(vocabulary_size, hidden)
        self.query = nn.Linear(hidden, width)
        self.output = nn.Linear(hidden + width, hidden)
        self.logit_bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.dropout = nn.Dropout(config.dropout)
        # Vectors of length 3.5: short ones are nearly equal, and words that occur in the same
        # places ("red", "green") then stay alike for long.
        nn.init.normal_(self.embedding.weight, std=3.5 / math.sqrt(hidden))

    def prepare(self, grid: Tensor) -> Prepared:
        """``[B, L, C]`` grid to what every step needs."""
        features = torch.relu(self.project(self.dropout(grid)))
        keys = self.key(features)
        h0, c0 = self.initial(features.mean(dim=1)).tanh().chunk(2, dim=-1)
        return Prepared(features, keys, h0, c0)

    @abstractmethod
    def forward(self, prepared: Prepared, tokens: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher forcing.

        Args:
            prepared: of B pictures.
            tokens: int64 ``[B, N, T]``, N captions a picture, each begun by the start token.
            valid: bool ``[B, N, T]``, false where a caption has ended.

        Returns:
            Logits ``[M, V]`` of the word that follows each of the M valid tokens, in their order,
            and the attention ``[B, N, T, L]`` of all tokens.
        """

    @abstractmethod
    def step(
        self, tokens: Tensor, h: Tensor, c: Tensor, features: Tensor, keys: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One step for ``tokens`` ``[B, K]`` with state ``[B, K, H]``.

        Returns:
            Logits ``[B, K, V]``, h, c, and attention ``[B, K, L]``, which sums to at most one.
        """

    @staticmethod
    def _open_forget_gate(gates: nn.Linear) -> None:
        """Of gates in blocks of H outputs, the second; open, it keeps the first words in memory."""
        hidden = gates.in_features
        with torch.no_grad():
            gates.bias[hidden : 2 * hidden].fill_(1.0)

    def _scaled_query(self, h: Tensor) -> Tensor:
        query: Tensor = self.query(h)
        return query * (1 / math.sqrt(query.shape[-1]))

    def _logits(self, words: Tensor) -> Tensor:
        return nn.functional.linear(words, self.embedding.weight, self.logit_bias)
