"""People and objects that captions invent or miss, counted by hand."""

from pathlib import Path

import pytest

from training.data.captions import CaptionedImage
from training.scoring.truth import invented, truth, truth_values, worst_first

PEOPLE = ("A man runs.", "A boy.", "She runs with a dog.")
SCENES = [
    # caption, references
    ("a woman sits on a bench", ("A bench.", "A bench in a park.", "A wooden seat.")),
    ("a dog on the grass", PEOPLE),
    ("a man with two dogs and a dog", PEOPLE),
    ("a red kite and a cat", ("A kite.", "People fly a kite.", "A boy.")),
    ("water and sky", ("The sea.", "Water.")),
]


def test_rates_are_what_a_hand_counts():
    found = truth([text for text, _ in SCENES], [captions for _, captions in SCENES])
    # No reference names a person of the first and the last; the first caption does.
    assert found.people_invented == pytest.approx(1 / 2)
    # Three references name one of the second and third; two of the fourth are not enough.
    assert found.people_missed == pytest.approx(1 / 2)
    # person, bench; dog; person, dog, dog; kite, cat: a person and a cat are not there.
    assert found.chair_i == pytest.approx(2 / 8)
    assert found.chair_s == pytest.approx(2 / 5)


def test_every_mention_counts():
    assert invented("a dog and a dog and a cat", ["a cat"]) == ["dog", "dog"]
    found = truth(["a dog and a dog and a cat"], [["a cat"]])
    assert found.chair_i == pytest.approx(2 / 3) and found.chair_s == 1


def test_the_worst_captions_invent_most_then_score_lowest_then_are_longest():
    texts = ["a dog", "a cat and a cow", "a man", "a tall man", "a wall"]
    assert worst_first(texts, [["A man."]] * 5, [0.5, 0.9, 0.2, 0.2, 0.1]) == [1, 0, 4, 3, 2]


def test_synonyms_are_no_inventions():
    assert not invented("a sofa and a guy", ["A couch.", "A man."])


def test_what_was_not_counted_is_left_out():
    images = [CaptionedImage(Path("a.jpg"), ("Water.",))]
    assert truth_values(images, ["water and sky"]) == {"people invented": 0.0, "CHAIR_s": 0.0}


def test_lists_of_objects_tell_of_people_alone():
    images = [
        CaptionedImage(Path("a.jpg"), objects=frozenset({"wall", "coffee table"})),
        CaptionedImage(Path("b.jpg"), objects=frozenset({"person", "wall"})),
        CaptionedImage(Path("c.jpg")),
        CaptionedImage(Path("d.jpg"), objects=frozenset({"wall"})),
    ]
    texts = ["a man by a dog", "a man", "a cat", "an empty room"]
    assert truth_values(images, texts) == {"people invented": pytest.approx(1 / 3)}


def test_listed_objects_do_not_run_into_one_another():
    """A cow and a boy are no "cow boy", which is nobody."""
    images = [CaptionedImage(Path("a.jpg"), objects=("cow", "boy"))]  # in this order
    assert truth_values(images, ["a boy"]) == {}
