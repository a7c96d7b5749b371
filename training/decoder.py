"""Attention LSTM decoder with a visual sentinel, for teacher forcing and for single steps."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.config import ModelConfig


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


class AdaptiveAttentionDecoder(nn.Module):
    """One LSTM that attends to the picture, or to its own memory, after each word.

    Lu et al. 2017, "Knowing When to Look", section 2: the LSTM's new output queries the grid, and
    a sentinel made from its cell takes part in the softmax, so words such as "of" need no place
    in the picture. Scores are scaled dot products instead of additive ones (two batched products),
    and the output layer is tied to the word embedding.

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
        # Four gates and the cell's candidate, in this order: enter, forget, leave, sentinel | cell.
        self.from_word = nn.Linear(hidden, 5 * hidden)
        self.from_memory = nn.Linear(hidden, 5 * hidden, bias=False)
        self.sentinel_project = nn.Linear(hidden, width)
        self.query = nn.Linear(hidden, width)
        self.output = nn.Linear(hidden + width, hidden)
        self.logit_bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.dropout = nn.Dropout(config.dropout)
        self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.embedding.weight, std=0.05)
        nn.init.orthogonal_(self.from_memory.weight)
        # A forget gate that starts open keeps the first words in memory.
        with torch.no_grad():
            self.from_word.bias.chunk(5)[1].fill_(1.0)

    def prepare(self, grid: Tensor) -> Prepared:
        """``[B, L, C]`` grid to what every step needs."""
        features = torch.relu(self.project(self.dropout(grid)))
        keys = self.key(features)
        h0, c0 = self.initial(features.mean(dim=1)).tanh().chunk(2, dim=-1)
        return Prepared(features, keys, h0, c0)

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
        batch, captions, length = tokens.shape
        embedded = self.dropout(self.embedding(tokens))
        from_words = self.from_word(embedded).unbind(dim=2)
        h = prepared.h0[:, None].expand(batch, captions, -1)
        c = prepared.c0[:, None].expand(batch, captions, -1)
        outputs, sentinels = [], []
        for from_word in from_words:
            h, c, sentinel = self._lstm(from_word, h, c)
            outputs.append(h)
            sentinels.append(sentinel)
        words, attention = self._read_out(
            _all_steps(outputs), _all_steps(sentinels), prepared.features, prepared.keys
        )
        # The output layer costs most; captions are half padding, so only valid words reach it.
        logits = self._logits(self.dropout(words[valid.flatten(1)]))
        return logits, attention.unflatten(1, (captions, length))

    def step(
        self, tokens: Tensor, h: Tensor, c: Tensor, features: Tensor, keys: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One step for ``tokens`` ``[B, K]`` with state ``[B, K, H]``.

        Returns:
            Logits ``[B, K, V]``, h, c, and attention ``[B, K, L]``; what attention lacks to a sum
            of one went to the sentinel.
        """
        from_word = self.from_word(self.embedding(tokens))
        h, c, sentinel = self._lstm(from_word, h, c)
        words, attention = self._read_out(h, sentinel, features, keys)
        return self._logits(words), h, c, attention

    def _lstm(self, from_word: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The next h and c, and of c what the sentinel's gate lets through."""
        gates, cell = (from_word + self.from_memory(h)).split([4 * h.shape[-1], h.shape[-1]], -1)
        enter, forget, leave, show = gates.sigmoid().chunk(4, dim=-1)
        c = forget * c + enter * cell.tanh()
        memory = c.tanh()
        return leave * memory, c, show * memory

    def _read_out(
        self, h: Tensor, sentinel: Tensor, features: Tensor, keys: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Attend with M states a picture, ``[B, M, .]``; returns ``[B, M, H]``, ``[B, M, L]``."""
        sentinel = torch.relu(self.sentinel_project(sentinel))
        query = self.query(h) * (1 / math.sqrt(keys.shape[-1]))
        cell_scores = query @ keys.transpose(1, 2)
        sentinel_score = (query * self.key(sentinel)).sum(dim=-1, keepdim=True)
        weights = torch.cat([cell_scores, sentinel_score], dim=-1).softmax(dim=-1)
        attention, to_sentinel = weights[..., :-1], weights[..., -1:]
        context = attention @ features + to_sentinel * sentinel
        return self.output(torch.cat([h, context], dim=-1)).tanh(), attention

    def _logits(self, words: Tensor) -> Tensor:
        return nn.functional.linear(words, self.embedding.weight, self.logit_bias)


def _all_steps(states: list[Tensor]) -> Tensor:
    """T states ``[B, N, H]`` to ``[B, N * T, H]``, in the order of the tokens."""
    return torch.stack(states, dim=2).flatten(1, 2)
