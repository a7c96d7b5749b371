"""The words with evidence, and what is known of an image about each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ros2_captioner.vocabulary import Vocabulary, tokenize
from training.config.settings import ConfigError
from training.data.captions import CaptionedImage
from training.data.objects import PERSON, SYNONYMS, objects_in

# What is known of a word.
PRESENT, ABSENT, UNKNOWN = 1, 0, -1

# Words that no image is evidence for.
_FUNCTION_WORDS = """
    a an the this that these those some any each every all both another other one and or but as of
    in on at by for with from to into onto over under up down out off near next beside behind
    between through across along around against above below inside outside while is are was were
    be been being has have had having do does doing it its he she him his her hers they them their
    who which what there here very so not no 's n't
"""


@dataclass(frozen=True)
class Concepts:
    """The E words for which an image is evidence.

    Attributes:
        ids: int64 ``[E]``, their places in the vocabulary.
        prior: float32 ``[E]``, share of images whose captions hold the word.
    """

    ids: Tensor
    prior: Tensor

    def of_words(self, words: Iterable[str], vocabulary: Vocabulary) -> Tensor:
        """bool ``[E]``, which of the words are among these."""
        return torch.isin(self.ids, torch.tensor(vocabulary.known_ids(words), dtype=torch.int64))

    def known(self, image: CaptionedImage, vocabulary: Vocabulary) -> Tensor:
        """int8 ``[E]``: `PRESENT`, `ABSENT` or `UNKNOWN` of each word.

        What captions do not say counts as absent. Of objects from hand-made masks, those that are
        not there are absent in all their words, those that are there present in their own word.
        """
        found = torch.full((len(self.ids),), UNKNOWN, dtype=torch.int8)
        if image.captions:
            found[:] = ABSENT
        found[self.of_words(_absent_words(image.absent), vocabulary)] = ABSENT
        found[self.of_words(_absent_words(image.objects), vocabulary)] = UNKNOWN
        found[self.of_words(_present_words(image.objects), vocabulary)] = PRESENT
        said = {word for text in image.captions for word in tokenize(text)}
        found[self.of_words(said, vocabulary)] = PRESENT
        return found


def choose_concepts(
    captions: Sequence[Sequence[str]], vocabulary: Vocabulary, count: int
) -> Concepts:
    """The ``count`` content words of the vocabulary that most images' captions hold.

    Raises:
        ConfigError: there are fewer.
    """
    images = Counter(
        word for group in captions for word in {word for text in group for word in tokenize(text)}
    )
    content = vocabulary.known_ids(images.keys() - set(_FUNCTION_WORDS.split()))
    if len(content) < count:
        raise ConfigError(
            f"model.evidence_words: found {count}; the captions hold {len(content)} content words "
            "that are in the vocabulary; expected no more"
        )
    words = vocabulary.words
    # Words of equal numbers in the vocabulary's order: every process must choose the same.
    ids = sorted(content, key=lambda place: (-images[words[place]], place))[:count]
    # Half an image more or less: neither certain nor impossible.
    prior = [(images[words[place]] + 0.5) / (len(captions) + 1) for place in ids]
    return Concepts(torch.tensor(ids, dtype=torch.int64), torch.tensor(prior))


def _present_words(objects: Iterable[str]) -> set[str]:
    """An object's own word; which of its synonyms people would choose is not known."""
    words = {tokenize(name)[-1] for name in objects if tokenize(name)}
    return words | ({"people"} if PERSON in objects else set())


def _absent_words(objects: Iterable[str]) -> set[str]:
    """All words for each object."""
    words: set[str] = set()
    for name in objects:
        own = tokenize(name)[-1:]
        words.update(own, (f"{word}s" for word in own))
        for category in objects_in(tokenize(name)):
            words |= SYNONYMS[category]
    return words
