"""Words, ids and sentences."""

import pytest

from ros2_captioner.errors import BundleError
from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary, detokenize, tokenize

WORDS = [*SPECIAL_TOKENS, "a", "dog", "'s", "bone"]


def test_tokenize_drops_punctuation_and_splits_clitics_as_the_treebank_does():
    text = "The dog's T-shirt isn't \"red\", it's BLUE ."
    expected = ["the", "dog", "'s", "t-shirt", "is", "n't", "red", "it", "'s", "blue"]
    assert tokenize(text) == expected


def test_detokenize_glues_clitics():
    assert (
        detokenize(["the", "dog", "'s", "bone", "is", "n't", "red"]) == "the dog's bone isn't red"
    )
    assert detokenize([]) == ""


def test_encode_and_decode():
    vocabulary = Vocabulary(WORDS)
    assert vocabulary.encode(["a", "cat"]) == [3, vocabulary.unknown]
    assert vocabulary.decode([0, 3, 4, 1]) == ["a", "dog"]
    assert vocabulary.known_ids(["dog", "cat"]) == [4]


def test_json_round_trip(tmp_path):
    file = tmp_path / "vocabulary.json"
    file.write_text(Vocabulary(WORDS).to_json())
    assert Vocabulary.read(file).words == tuple(WORDS)


@pytest.mark.parametrize("text", ["", "[]", '{"words": [1]}', '{"words": ["a"]}', '{"other": 1}'])
def test_unusable_file_is_refused(tmp_path, text):
    file = tmp_path / "vocabulary.json"
    file.write_text(text)
    with pytest.raises(BundleError):
        Vocabulary.read(file)


def test_double_word_is_refused():
    with pytest.raises(BundleError, match="twice"):
        Vocabulary([*WORDS, "dog"])
