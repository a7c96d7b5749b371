"""The words with evidence, and what is known of an image about each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

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


def choose_evidence_words(
    captions: Sequence[Sequence[str]], vocabulary: Vocabulary, count: int
) -> tuple[Tensor, Tensor]:
    """The ``count`` content words of the vocabulary that most images' captions hold.

    Returns:
        int64 ``[E]``, their places in the vocabulary, and float32 ``[E]``, their priors: of each
        the share of images whose captions hold it.

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
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(prior)


def known_words(image: CaptionedImage, ids: Tensor, vocabulary: Vocabulary) -> Tensor:
    """What is known of each word with evidence: `PRESENT`, `ABSENT` or `UNKNOWN`.

    What captions do not say counts as absent. Of objects from hand-made masks, those that are
    not there are absent in all their words, those that are there present in their own word.

    Args:
        image: with its captions and objects.
        ids: int64 ``[E]``, places of the words in the vocabulary.
        vocabulary: of the model.

    Returns:
        int8 ``[E]``.
    """
    said = {word for text in image.captions for word in tokenize(text)}
    found = torch.full(ids.shape, ABSENT if said else UNKNOWN, dtype=torch.int8)
    for words, known in (
        (_every_word(image.absent), ABSENT),
        (_every_word(image.objects), UNKNOWN),
        (_own_words(image.objects) | said, PRESENT),
    ):
        places = torch.tensor(vocabulary.known_ids(words), dtype=torch.int64)
        found[torch.isin(ids, places)] = known
    return found


def _own_words(objects: Iterable[str]) -> set[str]:
    """An object's own word; which of its synonyms people would choose is not known."""
    words = {tokenize(name)[-1] for name in objects if tokenize(name)}
    return words | ({"people"} if PERSON in objects else set())


def _every_word(objects: Iterable[str]) -> set[str]:
    """All words for each object."""
    words: set[str] = set()
    for name in objects:
        own = tokenize(name)[-1:]
        words.update(own, (f"{word}s" for word in own))
        for category in objects_in(tokenize(name)):
            words |= SYNONYMS[category]
    return words
