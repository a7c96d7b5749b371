"""An attention LSTM with a visual sentinel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.config.settings import ModelConfig
from training.model.decoder import Decoder, Prepared


class AdaptiveAttentionDecoder(Decoder):
    """One LSTM that attends to the image, or to its own memory, after each word.

    Lu et al. 2017, "Knowing When to Look", section 2: the LSTM's new output queries the grid, and
    a sentinel made from its cell takes part in the softmax, so words such as "of" need no place
    in the image; what attention lacks to a sum of one went to the sentinel.

    Args:
        config: widths and dropout.
        channels: C of the encoder's grid.
        vocabulary_size: V.
    """

    def __init__(self, config: ModelConfig, channels: int, vocabulary_size: int) -> None:
        super().__init__(config, channels, vocabulary_size)
        width, hidden = config.width, config.hidden
        # Four gates and the cell's candidate: input, forget, output, sentinel | cell.
        self.from_word = nn.Linear(hidden, 5 * hidden)
        self.from_memory = nn.Linear(hidden, 5 * hidden, bias=False)
        self.sentinel_project = nn.Linear(hidden, width)
        nn.init.orthogonal_(self.from_memory.weight)
        self._open_forget_gate(self.from_word)

    def forward(self, prepared: Prepared, tokens: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """See `Decoder.forward`; all words of all captions attend in one product."""
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
        words, attention = (all_.unflatten(1, (captions, length)) for all_ in (words, attention))
        return self._valid_logits(words, valid, prepared.evidence), attention

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
        h, c, sentinel = self._lstm(from_word, h, c)
        words, attention = self._read_out(h, sentinel, features, keys)
        return self._beam_logits(words, evidence), h, c, attention

    def _lstm(self, from_word: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The next h and c, and of c what the sentinel gate lets through."""
        gates, cell = (from_word + self.from_memory(h)).split([4 * h.shape[-1], h.shape[-1]], -1)
        input_gate, forget_gate, output_gate, sentinel_gate = gates.sigmoid().chunk(4, dim=-1)
        c = forget_gate * c + input_gate * cell.tanh()
        memory = c.tanh()
        return output_gate * memory, c, sentinel_gate * memory

    def _read_out(
        self, h: Tensor, sentinel: Tensor, features: Tensor, keys: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Attend with M states per image, ``[B, M, .]``; returns ``[B, M, H]``, ``[B, M, L]``."""
        sentinel = torch.relu(self.sentinel_project(sentinel))
        query = self._scaled_query(h)
        cell_scores = query @ keys.transpose(1, 2)
        sentinel_score = (query * self.key(sentinel)).sum(dim=-1, keepdim=True)
        weights = torch.cat([cell_scores, sentinel_score], dim=-1).softmax(dim=-1)
        attention, to_sentinel = weights[..., :-1], weights[..., -1:]
        context = attention @ features + to_sentinel * sentinel
        return self.output(torch.cat([h, context], dim=-1)).tanh(), attention


def _all_steps(states: list[Tensor]) -> Tensor:
    """T states ``[B, N, H]`` to ``[B, N * T, H]``, in the order of the tokens."""
    return torch.stack(states, dim=2).flatten(1, 2)
