"""The words that a model learns."""

import pytest

from training.config.settings import ConfigError
from training.data.words import build_vocabulary


def test_vocabulary_keeps_frequent_words_most_frequent_first():
    captions = [("One.", "Two"), ("two",)]
    assert build_vocabulary(captions, 1).words[3:] == ("two", "one")
    assert build_vocabulary(captions, 2).words[3:] == ("two",)
    with pytest.raises(ConfigError, match="no word occurs 3 times"):
        build_vocabulary(captions, 3)
