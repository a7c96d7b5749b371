"""What a stage minimises: cross-entropy, or the negative reward of sampled captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ros2_captioner.vocabulary import END, Vocabulary, tokenize
from training.config.settings import OptimConfig
from training.data.batches import Batch
from training.data.captions import CaptionedImage
from training.data.objects import named_objects, objects_in
from training.machine.arithmetic import without_gradients
from training.model.decoder import Decoder, Prepared
from training.scoring.bleu import bleu_4
from training.scoring.cider import CiderReward


class Loss(NamedTuple):
    """A batch's loss.

    Attributes:
        value: scalar to minimise, a mean over words; zero if there are none.
        shown: the mean that people read, see the objective.
        words: that ``value`` is the mean of; a step in parts or processes weights by them.
        shown_over: how many items ``shown`` is the mean of.
    """

    value: Tensor
    shown: float
    words: int
    shown_over: int


class Objective(Protocol):
    """Loss of a batch.

    Attributes:
        name: of what is shown.
        dropout: whether the loss is computed with dropout.
    """

    name: str
    dropout: bool

    def __call__(self, decoder: Decoder, prepared: Prepared, batch: Batch, progress: float) -> Loss:
        """The loss of one batch.

        Args:
            decoder: to be trained.
            prepared: of the batch's images.
            batch: captions and indices.
            progress: share of the stage that is done.
        """
        ...


class CrossEntropy:
    """Teacher forcing; shows nats a word, without the penalty.

    Args:
        optim: its ``label_smoothing``, ``scheduled_sampling`` and ``attention_penalty``.
    """

    name = "loss"
    dropout = True

    def __init__(self, optim: OptimConfig) -> None:
        # A sum, as the mean over the words of no captions would not be a number.
        self._criterion = nn.CrossEntropyLoss(
            label_smoothing=optim.label_smoothing, reduction="sum"
        )
        self._own_words, self._penalty = optim.scheduled_sampling, optim.attention_penalty

    def __call__(self, decoder: Decoder, prepared: Prepared, batch: Batch, progress: float) -> Loss:
        """See `Objective`."""
        tokens = batch.tokens
        if self._own_words:
            tokens = with_own_words(decoder, prepared, batch, self._own_words * progress)
        logits, attention = decoder(prepared, tokens, batch.valid)
        words = len(batch.targets)
        value = self._criterion(logits, batch.targets) / max(1, words)
        shown = value.item()
        if self._penalty and batch.images.numel():  # sentences have none to attend to
            value = value + self._penalty * uneven_attention(attention, batch.valid)
        return Loss(value, shown, words, words)


@without_gradients()
def with_own_words(decoder: Decoder, prepared: Prepared, batch: Batch, share: float) -> Tensor:
    """The batch's tokens, some replaced by what the decoder itself predicts there.

    Two passes instead of a loop (Mihaylova and Martins 2019, section 3): the predictions come from
    teacher forcing. The start token stays.
    """
    logits, _ = decoder(prepared, batch.tokens, batch.valid)
    predicted = batch.tokens.clone()
    predicted[batch.valid] = _draw(logits)
    own = torch.cat([batch.tokens[..., :1], predicted[..., :-1]], dim=-1)
    chosen = torch.rand(own.shape, device=own.device) < share
    return torch.where(chosen & batch.valid, own, batch.tokens)


def uneven_attention(attention: Tensor, valid: Tensor) -> Tensor:
    """Mean square by which the attention that a cell gets over a caption misses one.

    Captions count by their words, as in the cross-entropy, so that the parts of a batch add up.

    Args:
        attention: ``[B, N, T, L]``.
        valid: bool ``[B, N, T]``.
    """
    received = (attention * valid[..., None]).sum(dim=2)
    missed = ((1 - received) ** 2).mean(dim=-1)
    words = valid.sum(dim=2)
    return (missed * words).sum() / words.sum().clamp(min=1)


class SelfCritical:
    """REINFORCE on CIDEr-D, if asked for with BLEU-4 and truth; shows samples' mean reward, x1.

    Rennie et al. 2017 with the mean of an image's other samples as baseline (Luo 2020, "A
    Better Variant of Self-Critical Sequence Training"). The end token is part of what is
    rewarded, otherwise captions break off. CIDEr-D alone teaches to invent what is often there
    (Rohrbach et al. 2018, section 3.3). Without dropout, what is sampled is what will caption.

    Args:
        images: of the training split; a batch's indices point into it.
        vocabulary: of the model.
        optim: its ``samples``, ``sampled_dropout``, ``bleu_weight`` and ``truth_weight``.
        max_words: after which a sample is cut.
    """

    name = "reward"

    def __init__(
        self,
        images: Sequence[CaptionedImage],
        vocabulary: Vocabulary,
        optim: OptimConfig,
        max_words: int,
    ) -> None:
        self.dropout = optim.sampled_dropout
        self._references = [[[*tokenize(text), END] for text in image.captions] for image in images]
        self._there = [named_objects(image.captions) for image in images]
        self._cider = CiderReward(self._references)
        self._vocabulary, self._optim, self._max_words = vocabulary, optim, max_words

    def __call__(self, decoder: Decoder, prepared: Prepared, batch: Batch, progress: float) -> Loss:
        """See `Objective`."""
        vocabulary, samples = self._vocabulary, self._optim.samples
        drawn = sample(decoder, prepared, vocabulary, samples, self._max_words)
        rewards = self._rewards(batch.indices.tolist(), drawn).to(drawn.device)
        others = (rewards.sum(dim=1, keepdim=True) - rewards) / (samples - 1)
        advantage = rewards - others

        start = torch.full_like(drawn[..., :1], vocabulary.start)
        tokens = torch.cat([start, drawn[..., :-1]], dim=-1)
        valid = tokens != vocabulary.end
        logits = _without_specials(decoder(prepared, tokens, valid)[0], vocabulary)
        log_probs = logits.log_softmax(dim=-1).gather(1, drawn[valid][:, None])[:, 0]
        weights = advantage[..., None].expand_as(drawn)[valid]
        value = -(weights * log_probs).mean()
        return Loss(value, rewards.mean().item(), len(weights), rewards.numel())

    def _rewards(self, indices: list[int], drawn: Tensor) -> Tensor:
        """float32 ``[B, N]`` rewards of samples ``[B, N, T]``."""
        scores = [
            self._score(index, [self._words(ids) for ids in captions])
            for index, captions in zip(indices, drawn.tolist(), strict=True)
        ]
        return torch.tensor(scores)

    def _score(self, image: int, captions: list[list[str]]) -> list[float]:
        scores, optim = self._cider.score(image, captions), self._optim
        if optim.bleu_weight:
            bleu = bleu_4(captions, self._references[image])
            scores = [s + optim.bleu_weight * b for s, b in zip(scores, bleu, strict=True)]
        if optim.truth_weight:
            inventions = [len(set(objects_in(words)) - self._there[image]) for words in captions]
            scores = [s - optim.truth_weight * n for s, n in zip(scores, inventions, strict=True)]
        return scores

    def _words(self, ids: list[int]) -> list[str]:
        words = self._vocabulary.decode(ids)
        return [*words, END] if ids[-1] == self._vocabulary.end else words


@without_gradients()
def sample(
    decoder: Decoder,
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
        logits, h, c, _ = decoder.step(
            tokens, h, c, prepared.features, prepared.keys, prepared.evidence
        )
        tokens = _draw(_without_specials(logits, vocabulary)).masked_fill(ended, vocabulary.end)
        ended = tokens == vocabulary.end
        drawn.append(tokens)
        if ended.all():
            break
    return torch.stack(drawn, dim=-1)


def _draw(logits: Tensor) -> Tensor:
    """Draw words ``[...]`` from logits ``[..., V]``.

    By one random number a row, found in the row's sums; torch.multinomial draws one for every word
    of the vocabulary, which takes a CPU thirty times as long.
    """
    reached = logits.float().softmax(dim=-1).cumsum(dim=-1)
    total = reached[..., -1:]
    # Above zero and up to the total: neither a word of probability zero nor none at all.
    aim = (1 - torch.rand_like(total)) * total
    # Logits that are no numbers, of a training that diverged, would give a word beyond the last.
    return torch.searchsorted(reached, aim)[..., 0].clamp(max=logits.shape[-1] - 1)


def _without_specials(logits: Tensor, vocabulary: Vocabulary) -> Tensor:
    """Logits ``[..., V]`` under which the start token and ``<unk>`` have probability zero."""
    specials = torch.tensor([vocabulary.start, vocabulary.unknown], device=logits.device)
    return logits.index_fill(-1, specials, -torch.inf)
