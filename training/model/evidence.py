"""Evidence for words: which words people would use of an image, judged before a sentence begins."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from ros2_captioner.vocabulary import Vocabulary
from training.data.objects import OBJECT_WORDS, SCENE_WORDS

# Evidence against a word ends here, in nats; a word is never ruled out for good.
_STRONGEST_AGAINST = -6.0
# Logits of new images, as measured on validation: of words that their captions hold, mean and
# deviation; of others, how far below the word's prior, and deviation.
_PRESENT_LOGIT, _ABSENT_LOGIT = (-0.5, 2.0), (-1.5, 1.5)


class WordEvidence(nn.Module):
    """Multi-label classifier of words over a grid (Fang et al. 2015, section 3, with a maximum).

    A word's logit is the highest that any cell gives it. What the decoder adds to its own logits
    is how much likelier the image makes the word than it is of any image:
    ``log p(word | image) - log p(word)``, in nats.

    Args:
        width: D of the features.
        count: E, words with evidence.
        vocabulary_size: V.
    """

    ids: Tensor
    places: Tensor
    log_prior: Tensor

    def __init__(self, width: int, count: int, vocabulary_size: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, count)
        # Filled by `choose_words` when training begins, by the checkpoint ever after.
        self.register_buffer("ids", torch.arange(count))
        # Of each word of the vocabulary among the E; E where there is no evidence for it.
        self.register_buffer("places", torch.full((vocabulary_size,), count))
        self.register_buffer("log_prior", torch.full((count,), -1.0))

    def choose_words(self, ids: Tensor, prior: Tensor) -> None:
        """Give the E words their meaning.

        Args:
            ids: int64 ``[E]``, their places in the vocabulary.
            prior: ``[E]``, share of all images whose captions hold the word, above 0, below 1.
        """
        self.ids.copy_(ids)
        self.places.fill_(len(ids))
        self.places[ids] = torch.arange(len(ids), device=self.places.device)
        self.log_prior.copy_(prior.log())
        with torch.no_grad():
            nn.init.normal_(self.score.weight, std=0.01)
            self.score.bias.copy_(prior.logit())

    def forward(self, features: Tensor) -> Tensor:
        """``[B, L, D]`` features to logits ``[B, E]`` of the words."""
        # The bias is the same for every cell, so it waits for the maximum: one sum, not one a cell.
        highest = nn.functional.linear(features, self.score.weight).amax(dim=1)
        return highest + self.score.bias

    def gain(self, logits: Tensor) -> Tensor:
        """Logits ``[B, E]`` to nats ``[B, E]`` for each word; zero says nothing."""
        nats = nn.functional.logsigmoid(logits) - self.log_prior
        # Not clamp: OpenVINO joins Clip with the int8 rounding behind it and gets evidence wrong.
        return torch.maximum(nats, nats.new_tensor(_STRONGEST_AGAINST))

    def spread(self, gain: Tensor) -> Tensor:
        """``[B, E]`` to ``[B, V]``, zero for words without evidence."""
        # Written so that the exported graph needs neither GatherND nor Shape; padding would do as
        # well, but OpenVINO crashes on it in the int8 encoder.
        nothing = 0 * gain[:, :1]
        return torch.cat([gain, nothing], dim=1).index_select(1, self.places)

    def imagined(self, known: Tensor) -> Tensor:
        """Logits ``[B, E]`` as an image would give them whose words are known.

        Args:
            known: ``[B, E]``, above zero where captions hold the word.
        """
        noise = torch.randn(known.shape, device=known.device)
        present_mean, present_deviation = _PRESENT_LOGIT
        below_prior, absent_deviation = _ABSENT_LOGIT
        present = present_mean + present_deviation * noise
        absent = below_prior + self.log_prior.exp().logit() + absent_deviation * noise
        return torch.where(known > 0, present, absent)


def object_priors(
    evidence: WordEvidence, vocabulary: Vocabulary
) -> dict[str, dict[str, dict[str, float]]]:
    """Words that tell of ``objects`` and of the ``scene``, as the manifest lists them.

    Each by its object or place, with the logarithm of its prior probability.
    """
    known = zip(evidence.ids.tolist(), evidence.log_prior.tolist(), strict=True)
    priors = {vocabulary.words[place]: round(log_prior, 4) for place, log_prior in known}
    # Words without evidence are rarer than all that have it.
    rare = dict.fromkeys(vocabulary.words, min(priors.values())) | priors
    return {
        "objects": _with_priors(OBJECT_WORDS, rare),
        "scene": _with_priors(SCENE_WORDS, priors),
    }


def _with_priors(
    words_of: Mapping[str, Collection[str]], priors: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    found = {
        name: {word: priors[word] for word in sorted(words) if word in priors}
        for name, words in words_of.items()
    }
    return {name: words for name, words in found.items() if words}


def evidence_loss(logits: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy of words, summed over those that are known, mean over images; nats.

    Args:
        logits: ``[B, E]``.
        known: ``[B, E]``, 1 for present, 0 for absent, between them a teacher's probability, below
            zero for not known.
    """
    each = nn.functional.binary_cross_entropy_with_logits(
        logits.float(), known.clamp(min=0).float(), reduction="none"
    )
    return (each * (known >= 0)).sum(dim=1).mean()
