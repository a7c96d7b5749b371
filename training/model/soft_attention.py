"""The soft attention LSTM that this family of captioners began with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.config.settings import ModelConfig
from training.model.decoder import Decoder, Prepared


class SoftAttentionDecoder(Decoder):
    """One LSTM that attends to the image before each word.

    Xu et al. 2015, "Show, Attend and Tell", section 3.1.2: the LSTM's last output queries the
    grid, a gate scales what it finds (section 4.2.1), and the LSTM reads it beside the last word.

    Args:
        config: widths and dropout.
        channels: C of the encoder's grid.
        vocabulary_size: V.
    """

    def __init__(self, config: ModelConfig, channels: int, vocabulary_size: int) -> None:
        super().__init__(config, channels, vocabulary_size)
        width, hidden = config.width, config.hidden
        self.context_gate = nn.Linear(hidden, width)
        # Three gates and the cell's candidate, in this order: input, forget, output | cell.
        self.from_word = nn.Linear(hidden, 4 * hidden)
        self.from_memory = nn.Linear(hidden, 4 * hidden, bias=False)
        self.from_context = nn.Linear(width, 4 * hidden, bias=False)
        nn.init.orthogonal_(self.from_memory.weight)
        self._open_forget_gate(self.from_word)

    def forward(self, prepared: Prepared, tokens: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """See `Decoder.forward`; each word waits for the attention of the one before."""
        batch, captions, _ = tokens.shape
        embedded = self.dropout(self.embedding(tokens))
        h = prepared.h0[:, None].expand(batch, captions, -1)
        c = prepared.c0[:, None].expand(batch, captions, -1)
        words, attention = [], []
        for from_word in self.from_word(embedded).unbind(dim=2):
            word, h, c, weights = self._advance(from_word, h, c, prepared.features, prepared.keys)
            words.append(word)
            attention.append(weights)
        logits = self._valid_logits(torch.stack(words, dim=2), valid, prepared.evidence)
        return logits, torch.stack(attention, dim=2)

    def step(
        self,
        tokens: Tensor,
        h: Tensor,
        c: Tensor,
        features: Tensor,
        keys: Tensor,
        evidence: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """See `Decoder.step`."""
        from_word = self.from_word(self.embedding(tokens))
        word, h, c, attention = self._advance(from_word, h, c, features, keys)
        return self._beam_logits(word, evidence), h, c, attention

    def _advance(
        self, from_word: Tensor, h: Tensor, c: Tensor, features: Tensor, keys: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the output layer reads, the next h and c, and the attention."""
        attention = (self._scaled_query(h) @ keys.transpose(1, 2)).softmax(dim=-1)
        context = self.context_gate(h).sigmoid() * (attention @ features)
        sums = from_word + self.from_memory(h) + self.from_context(context)
        gates, cell = sums.split([3 * h.shape[-1], h.shape[-1]], dim=-1)
        input_gate, forget_gate, output_gate = gates.sigmoid().chunk(3, dim=-1)
        c = forget_gate * c + input_gate * cell.tanh()
        h = output_gate * c.tanh()
        return self.output(torch.cat([h, context], dim=-1)).tanh(), h, c, attention
