"""What the decoder architectures share: the image prepared once, tied words, one interface."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.config.settings import ModelConfig
from training.model.dropout import Dropout
from training.model.evidence import WordEvidence


class Prepared(NamedTuple):
    """What the decoder needs of an image, computed once.

    Attributes:
        features: ``[B, L, D]`` projected grid.
        keys: ``[B, L, A]`` attention keys.
        h0: ``[B, H]`` initial LSTM output.
        c0: ``[B, H]`` initial LSTM cell.
        evidence: ``[B, V]`` for each word, in nats, where the model has it.
        word_logits: ``[B, E]`` behind the evidence, for its loss.
    """

    features: Tensor
    keys: Tensor
    h0: Tensor
    c0: Tensor
    evidence: Tensor | None = None
    word_logits: Tensor | None = None


class Decoder(nn.Module, ABC):
    """An LSTM that attends to an image's grid, for teacher forcing and for single steps.

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
        self.dropout = Dropout(config.dropout)
        # Vectors of length 3.5: short ones are nearly equal, and words that occur in the same
        # places ("red", "green") then stay alike for long.
        nn.init.normal_(self.embedding.weight, std=3.5 / math.sqrt(hidden))
        self.evidence: WordEvidence | None = None
        if config.evidence_words:
            self.evidence = WordEvidence(width, config.evidence_words, vocabulary_size)
            self.initial_from_evidence = nn.Linear(config.evidence_words, 2 * hidden, bias=False)
            self.evidence_scale = nn.Linear(hidden, 1)
            nn.init.zeros_(self.evidence_scale.weight)
            self._evidence_dropout = config.evidence_dropout

    def prepare(self, grid: Tensor) -> Prepared:
        """``[B, L, C]`` grid to what every step needs."""
        features = torch.relu(self.project(self.dropout(grid)))
        logits = self.evidence(features) if self.evidence is not None else None
        return self._prepared(features, logits)

    def prepare_imagined(self, word_logits: Tensor) -> Prepared:
        """What every step needs of images known by their word logits ``[B, E]`` alone."""
        nowhere = word_logits.new_zeros(len(word_logits), 1, self.project.out_features)
        return self._prepared(nowhere, word_logits)

    def _prepared(self, features: Tensor, word_logits: Tensor | None) -> Prepared:
        keys = self.key(features)
        start = self.initial(features.mean(dim=1))
        if self.evidence is None or word_logits is None:
            return Prepared(features, keys, *start.tanh().chunk(2, dim=-1))
        # Detached: the words' own cross-entropy alone says what evidence is, so it stays a
        # probability that people can read.
        gain = self.evidence.gain(word_logits.detach())
        if self.training:
            gain = gain * (torch.rand_like(gain) >= self._evidence_dropout)
        h0, c0 = (start + self.initial_from_evidence(gain)).tanh().chunk(2, dim=-1)
        return Prepared(features, keys, h0, c0, self.evidence.spread(gain), word_logits)

    @abstractmethod
    def forward(self, prepared: Prepared, tokens: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher forcing.

        Args:
            prepared: of B images.
            tokens: int64 ``[B, N, T]``, N captions per image, each begun by the start token.
            valid: bool ``[B, N, T]``, false where a caption has ended.

        Returns:
            Logits ``[M, V]`` of the word that follows each of the M valid tokens, in their order,
            and the attention ``[B, N, T, L]`` of all tokens.
        """

    @abstractmethod
    def step(
        self,
        tokens: Tensor,
        h: Tensor,
        c: Tensor,
        features: Tensor,
        keys: Tensor,
        evidence: Tensor | None = None,
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

    def _valid_logits(self, words: Tensor, valid: Tensor, evidence: Tensor | None) -> Tensor:
        """Logits ``[M, V]`` of the M valid places of ``words`` ``[B, N, T, H]``."""
        # The output layer costs most; captions are half padding, so only valid words reach it.
        chosen = self.dropout(words[valid])
        if evidence is None:
            return self._logits(chosen, None)
        images = torch.arange(len(valid), device=valid.device)[:, None, None].expand_as(valid)
        return self._logits(chosen, evidence[images[valid]])

    def _beam_logits(self, words: Tensor, evidence: Tensor | None) -> Tensor:
        """``[B, K, H]`` to logits ``[B, K, V]``; the beams of an image share its evidence."""
        return self._logits(words, None if evidence is None else evidence[:, None])

    def _logits(self, words: Tensor, evidence: Tensor | None) -> Tensor:
        """``[..., H]`` to logits ``[..., V]``; the sentence so far decides how much evidence says.

        After "a man riding a" it says nearly all, after "a man riding" little.
        """
        logits = nn.functional.linear(words, self.embedding.weight, self.logit_bias)
        if evidence is None:
            return logits
        return logits + nn.functional.softplus(self.evidence_scale(words)) * evidence
