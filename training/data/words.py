"""Captions to the words that a model learns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary, tokenize
from training.config.settings import ConfigError


def frequent_words(captions: Iterable[Sequence[str]], min_count: int) -> list[str]:
    """Words that occur at least ``min_count`` times in all captions, most frequent first."""
    counts = Counter(word for group in captions for text in group for word in tokenize(text))
    kept = [word for word, count in counts.items() if count >= min_count]
    return sorted(kept, key=lambda word: (-counts[word], word))


def with_new_words(
    vocabulary: Vocabulary, captions: Iterable[Sequence[str]], min_count: int
) -> Vocabulary:
    """A vocabulary and, behind its words, those frequent ones of captions that it lacks."""
    new = [word for word in frequent_words(captions, min_count) if not vocabulary.known_ids([word])]
    return Vocabulary([*vocabulary.words, *new])


def build_vocabulary(captions: Iterable[Sequence[str]], min_count: int) -> Vocabulary:
    """The words of captions that occur at least ``min_count`` times, most frequent first.

    Raises:
        ConfigError: there is none.
    """
    words = frequent_words(captions, min_count)
    if not words:
        raise ConfigError(
            f"no word occurs {min_count} times or more in the training captions; expected words "
            "to learn: lower data.min_word_count"
        )
    return Vocabulary([*SPECIAL_TOKENS, *words])
