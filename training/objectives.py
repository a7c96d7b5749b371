"""What a stage minimises: cross-entropy, or the negative reward of sampled captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ros2_captioner.vocabulary import END, Vocabulary, tokenize
from training.batches import Batch
from training.captions_data import CaptionedPicture
from training.cider import CiderReward
from training.decoder import AdaptiveAttentionDecoder, Prepared


class Loss(NamedTuple):
    """A batch's loss.

    Attributes:
        value: scalar to minimise.
        shown: the mean that people read, see the objective.
        weight: how much the batch counts in the mean of an epoch.
    """

    value: Tensor
    shown: float
    weight: int


class Objective(Protocol):
    """Loss of a batch.

    Attributes:
        name: of what is shown.
        dropout: whether the loss is computed with dropout.
    """

    name: str
    dropout: bool

    def __call__(self, decoder: AdaptiveAttentionDecoder, prepared: Prepared, batch: Batch) -> Loss:
        """The loss of one batch; ``prepared`` is of its pictures."""
        ...


class CrossEntropy:
    """Teacher forcing; shows nats a word.

    Args:
        label_smoothing: 0 to 1.
    """

    name = "loss"
    dropout = True

    def __init__(self, label_smoothing: float) -> None:
        self._criterion = nn.CrossEntropyLoss(label_smoothing=label_smoothing)

    def __call__(self, decoder: AdaptiveAttentionDecoder, prepared: Prepared, batch: Batch) -> Loss:
        """See `Objective`."""
        logits = decoder(prepared, batch.tokens, batch.valid)
        value = self._criterion(logits, batch.targets)
        return Loss(value, value.item(), len(logits))


class SelfCritical:
    """REINFORCE on CIDEr-D; shows the mean reward of the sampled captions, x1.

    Rennie et al. 2017 with the mean of a picture's other samples as baseline (Luo 2020, "A
    Better Variant of Self-Critical Sequence Training"). The end token is part of what is
    rewarded, otherwise captions break off. Dropout is off: what is sampled is what will caption.

    Args:
        pictures: of the training split; a batch's indices point into it.
        vocabulary: of the model.
        samples: captions drawn a picture, at least 2.
        max_words: after which a sample is cut.
    """

    name = "reward"
    dropout = False

    def __init__(
        self,
        pictures: Sequence[CaptionedPicture],
        vocabulary: Vocabulary,
        samples: int,
        max_words: int,
    ) -> None:
        self._reward = CiderReward(
            [[[*tokenize(text), END] for text in picture.captions] for picture in pictures]
        )
        self._vocabulary = vocabulary
        self._samples, self._max_words = samples, max_words

    def __call__(self, decoder: AdaptiveAttentionDecoder, prepared: Prepared, batch: Batch) -> Loss:
        """See `Objective`."""
        vocabulary = self._vocabulary
        drawn = sample(decoder, prepared, vocabulary, self._samples, self._max_words)
        rewards = self._rewards(batch.indices.tolist(), drawn).to(drawn.device)
        others = (rewards.sum(dim=1, keepdim=True) - rewards) / (self._samples - 1)
        advantage = rewards - others

        start = torch.full_like(drawn[..., :1], vocabulary.start)
        tokens = torch.cat([start, drawn[..., :-1]], dim=-1)
        valid = tokens != vocabulary.end
        logits = _without_specials(decoder(prepared, tokens, valid), vocabulary)
        log_probs = logits.log_softmax(dim=-1).gather(1, drawn[valid][:, None])[:, 0]
        weights = advantage[..., None].expand_as(drawn)[valid]
        return Loss(-(weights * log_probs).mean(), rewards.mean().item(), rewards.numel())

    def _rewards(self, indices: list[int], drawn: Tensor) -> Tensor:
        """float32 ``[B, N]`` rewards of samples ``[B, N, T]``."""
        scores = [
            self._reward.score(index, [self._words(ids) for ids in captions])
            for index, captions in zip(indices, drawn.tolist(), strict=True)
        ]
        return torch.tensor(scores)

    def _words(self, ids: list[int]) -> list[str]:
        words = self._vocabulary.decode(ids)
        return [*words, END] if ids[-1] == self._vocabulary.end else words


@torch.no_grad()
def sample(
    decoder: AdaptiveAttentionDecoder,
    prepared: Prepared,
    vocabulary: Vocabulary,
    samples: int,
    max_words: int,
) -> Tensor:
    """Draw captions from the model's own distribution.

    Returns:
        int64 ``[B, samples, T]``, T at most ``max_words``, filled up with the end token.
    """
    h, c = (state[:, None].expand(-1, samples, -1) for state in (prepared.h0, prepared.c0))
    tokens = torch.full(h.shape[:2], vocabulary.start, device=h.device)
    ended = torch.zeros_like(tokens, dtype=torch.bool)
    drawn = []
    for _ in range(max_words):
        logits, h, c, _ = decoder.step(tokens, h, c, prepared.features, prepared.keys)
        chances = _without_specials(logits, vocabulary).softmax(dim=-1)
        tokens = chances.flatten(0, 1).multinomial(1).view_as(tokens)
        tokens = tokens.masked_fill(ended, vocabulary.end)
        ended = tokens == vocabulary.end
        drawn.append(tokens)
        if ended.all():
            break
    return torch.stack(drawn, dim=-1)


def _without_specials(logits: Tensor, vocabulary: Vocabulary) -> Tensor:
    """Logits ``[..., V]`` under which the start token and ``<unk>`` have probability zero."""
    specials = torch.tensor([vocabulary.start, vocabulary.unknown], device=logits.device)
    return logits.index_fill(-1, specials, -torch.inf)
