"""Objects that the model sees, from its evidence for words."""

import numpy as np
import pytest

from ros2_captioner.evidence.objects import ObjectWords
from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "sofa", "car", "couch", "puppy"])
PRIORS = {
    "dog": {"dog": np.log(0.1), "puppy": np.log(0.01)},
    "couch": {"couch": np.log(0.05), "sofa": np.log(0.05)},
    "car": {"car": np.log(0.2)},
}
OBJECTS = ObjectWords(PRIORS, VOCABULARY)
# dog .5, puppy .01, couch .4, sofa .9, car .02
EVIDENCE = np.log(np.array([1, 1, 1, 1, 5, 18, 0.1, 8, 1], np.float32))


def test_the_likeliest_word_of_each_object_likeliest_first():
    assert [word for word, _ in OBJECTS.seen(EVIDENCE)] == ["sofa", "dog"]
    assert [p for _, p in OBJECTS.seen(EVIDENCE)] == pytest.approx([0.9, 0.5], abs=1e-3)


def test_ten_objects_are_listed_that_are_probably_there():
    words = [f"thing{number}" for number in range(13)]
    vocabulary = Vocabulary([*SPECIAL_TOKENS, *words])
    objects = ObjectWords({word: {word: 0.0} for word in words}, vocabulary)
    present = np.array([0.19, 0.21, *np.linspace(0.3, 0.9, 11)])
    special = np.ones(len(SPECIAL_TOKENS))

    def seen(probabilities):
        evidence = np.log(np.concatenate([special, probabilities])).astype(np.float32)
        return [word for word, _ in objects.seen(evidence)]

    assert seen(present) == words[:2:-1]
    assert seen(np.array([0.19, 0.21, *np.full(11, 0.01)])) == words[1:2]


def test_what_scenes_are_made_of_is_seen_and_no_caption_is_judged_by_it():
    manifest = {"evidence": {"objects": {"car": PRIORS["car"]}, "scene": {"dog": PRIORS["dog"]}}}
    assert [word for word, _ in ObjectWords.with_scene(manifest, VOCABULARY).seen(EVIDENCE)] == [
        "dog"
    ]
    assert ObjectWords.of_manifest(manifest, VOCABULARY).seen(EVIDENCE) == ()


def test_a_word_of_two_objects_is_listed_once():
    pets = ObjectWords({**PRIORS, "pet": PRIORS["dog"]}, VOCABULARY)
    assert pets.seen(EVIDENCE) == OBJECTS.seen(EVIDENCE)


def test_an_object_is_as_probable_as_its_likeliest_word():
    assert OBJECTS.probabilities(EVIDENCE) == pytest.approx([0.5, 0.9, 0.02], abs=1e-3)


def test_words_of_a_caption_name_their_objects():
    ids = VOCABULARY.encode(["a", "puppy", "dog", "couch", "unheard"])
    assert OBJECTS.named(ids) == [None, 0, 0, 1, None]


def test_rounding_never_makes_a_probability_above_one():
    evidence = np.full(len(VOCABULARY), 9.0, np.float32)
    assert {probability for _, probability in OBJECTS.seen(evidence)} == {1.0}


def test_a_model_without_evidence_lists_no_objects():
    nothing = ObjectWords.of_manifest({}, VOCABULARY)
    assert nothing.seen(EVIDENCE) == () and nothing.named([3, 4]) == [None, None]
    assert nothing.probabilities(EVIDENCE).shape == (0,)
