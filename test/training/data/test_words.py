"""The words that a model learns."""

import pytest

from training.config.settings import ConfigError
from training.data.words import build_vocabulary, with_new_words


def test_vocabulary_keeps_frequent_words_most_frequent_first():
    captions = [("One.", "Two"), ("two",)]
    assert build_vocabulary(captions, 1).words[3:] == ("two", "one")
    assert build_vocabulary(captions, 2).words[3:] == ("two",)
    with pytest.raises(ConfigError, match="no word occurs 3 times"):
        build_vocabulary(captions, 3)


def test_new_words_stand_behind_those_that_a_vocabulary_has():
    old = build_vocabulary([("a dog",)], 1)
    captions = [("A forklift, a pallet", "a forklift"), ("a crate",)]
    assert with_new_words(old, captions, 2).words == (*old.words, "forklift")
    assert with_new_words(old, captions, 4).words == old.words
