"""Which objects a sentence names."""

import pytest

from ros2_captioner.vocabulary import tokenize
from training.data.objects import SYNONYMS, named_objects, objects_in


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("A dog eats a hot dog.", ["dog", "hot dog"]),
        ("two hot dogs and two dogs", ["hot dog", "dog"]),
        ("a teddy bear beside a bear", ["teddy bear", "bear"]),
        ("stuffed animals", []),
        ("an orange cat with an orange", ["cat", "orange"]),
        ("a man in an orange shirt", ["person"]),
        ("buses and benches, couches and toothbrushes", ["bus", "bench", "couch", "toothbrush"]),
        ("geese, ponies, calves and knives", ["bird", "horse", "cow", "knife"]),
        ("men, women, children and she", ["person"] * 4),
        ("a baseball player swings a baseball bat at the ball",
         ["person", "baseball bat", "sports ball"]),
        ("baseball players on a baseball field", ["person"]),
        ("a bus stop, a train station and train tracks", []),
        ("bus stops, train stations and men in orange shirts", ["person"]),
        ("computer monitors and screens of computer screens", ["tv", "tv"]),
        ("mice, busses, lorries, ferries and kitties", ["mouse", "bus", "truck", "boat", "cat"]),
        ("a stop sign by the traffic lights", ["stop sign", "traffic light"]),
        ("a coffee table with a computer mouse", ["dining table", "mouse"]),
        ("a fire truck near a fire hydrant", ["truck", "fire hydrant"]),
        ("a mobile phone, a phone booth and a phone", ["cell phone", "cell phone"]),
        ("a catcher's mitt", ["baseball glove"]),
        ("a sofa, a fridge and a doughnut", ["couch", "refrigerator", "donut"]),
        ("the sun sets over quiet water", []),
        ("hot", []),
    ],
)  # fmt: skip
def test_categories_are_named_in_order(text, named):
    assert objects_in(tokenize(text)) == named


def test_several_captions_name_what_any_names():
    assert named_objects(["A man and a dog.", "The puppy runs.", "Grass."]) == {"person", "dog"}


def test_synonyms_are_single_words_of_the_category():
    assert {"couch", "couches", "sofa", "sofas", "loveseat"} <= SYNONYMS["couch"]
    assert {"man", "women", "they"} <= SYNONYMS["person"]
    assert not {"dog", "hot"} & SYNONYMS["hot dog"] and "hotdog" in SYNONYMS["hot dog"]
