"""Words with evidence: which they are, and what is known of an image about them."""

import pytest
import torch

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary, tokenize
from training.config.settings import ConfigError
from training.data.captions import CaptionedImage
from training.data.evidence_words import (
    ABSENT,
    PRESENT,
    UNKNOWN,
    choose_evidence_words,
    known_words,
)

WORDS = tokenize(
    "a dog runs cat person man people couch sofa sofas red armchair chair table wall walls"
)
VOCABULARY = Vocabulary([*SPECIAL_TOKENS, *WORDS])


def chosen(captions, count):
    ids, prior = choose_evidence_words(captions, VOCABULARY, count)
    return [VOCABULARY.words[place] for place in ids], prior


def test_content_words_that_most_images_hold_come_first():
    captions = [
        ("A dog runs.", "a dog", "dog dog dog"),  # of one image
        ("A cat runs.",),
        ("The cat is on the unheard of table.",),
    ]
    words, prior = chosen(captions, 4)
    # Equal numbers in the vocabulary's order; function words and unknown ones never.
    assert words == ["runs", "cat", "dog", "table"]
    torch.testing.assert_close(prior, torch.tensor([2.5, 2.5, 1.5, 1.5]) / 4)


def test_the_prior_is_neither_certain_nor_impossible():
    _, prior = chosen([("a dog",), ("dogs and a dog",)], 1)
    assert 0 < prior.item() < 1


def test_more_words_than_there_are_is_an_error():
    with pytest.raises(ConfigError, match=r"evidence_words: found 3; the captions hold 2 content"):
        chosen([("a dog runs over the",)], 3)


def test_there_may_be_no_words_with_evidence():
    ids, _ = choose_evidence_words([("a dog",)], VOCABULARY, 0)
    assert ids.shape == (0,) and ids.dtype == torch.int64
    assert known_words(CaptionedImage("x", ("a dog",)), ids, VOCABULARY).shape == (0,)


def known(**what):
    """What is known of each word of `WORDS`."""
    ids = torch.arange(len(SPECIAL_TOKENS), len(VOCABULARY))
    found = known_words(CaptionedImage("x.jpg", **what), ids, VOCABULARY)
    assert found.dtype == torch.int8
    return dict(zip(WORDS, found.tolist(), strict=True))


def test_what_no_caption_says_is_absent():
    found = known(captions=("A dog runs.", "The red dog."))
    assert {word for word, state in found.items() if state == PRESENT} == {
        "a", "dog", "runs", "red"
    }  # fmt: skip
    assert {state for word, state in found.items() if word not in ("a", "dog", "runs", "red")} == {
        ABSENT
    }


def test_nothing_is_known_of_an_image_alone():
    assert set(known().values()) == {UNKNOWN}


def test_objects_that_are_not_there_are_absent_in_all_their_words():
    found = known(objects=frozenset({"sofa"}), absent=frozenset({"person", "cat", "table", "wall"}))
    assert {word for word, state in found.items() if state == ABSENT} == {
        "person", "man", "people", "cat", "table", "wall", "walls"
    }  # fmt: skip
    assert found["sofa"] == PRESENT
    # People may well say couch of it; of dogs the list says nothing.
    assert found["couch"] == found["sofas"] == found["dog"] == found["red"] == UNKNOWN


def test_an_object_that_is_there_outweighs_an_absent_one_of_the_same_category():
    found = known(objects=frozenset({"armchair", "coffee table"}), absent=frozenset({"chair"}))
    assert found["armchair"] == PRESENT and found["chair"] == UNKNOWN
    assert found["table"] == PRESENT


def test_of_a_person_some_word_for_people_is_known():
    found = known(objects=frozenset({"person"}))
    assert found["person"] == found["people"] == PRESENT and found["man"] == UNKNOWN
