"""Which words may come next."""

import numpy as np
import pytest

from ros2_captioner.word_rules import WordRules

END, WORDS = 1, [1, 2, 3, 4]


def forbidden(said, **rules):
    """Which of the words may not follow those that were said."""
    history = np.array(said, np.int32).reshape(1, 1, -1)
    veto = WordRules(end=END, **rules).forbidden(history, np.array([[WORDS]], np.int32))
    return [word for word, vetoed in zip(WORDS, veto[0, 0].tolist(), strict=True) if vetoed]


@pytest.mark.parametrize(
    ("rules", "said", "expected"),
    [
        ({}, [], []),
        ({}, [2, 2], []),
        ({"never": [[2], [4]]}, [], [2, 4]),
        ({"min_length": 1}, [], [END]),
        ({"min_length": 2}, [], [END]),
        ({"min_length": 2}, [3], [END]),
        ({"min_length": 2}, [3, 4], []),
        ({"never_last": [[2], [3]]}, [], []),
        ({"never_last": [[2], [3]]}, [4, 2], [END]),
        ({"never_last": [[2], [3]]}, [2, 4], []),
        ({"never_last": [[2, 3], [4, 3]]}, [3], []),
        ({"never_last": [[2, 3], [4, 3]]}, [2, 3], [END]),
        ({"never_last": [[2, 3], [4, 3]]}, [2, 4, 3], [END]),
        ({"never_last": [[2, 3], [4]]}, [2, 3, 3], []),
        ({"never": [[2], [3, 4]]}, [3], [2, 4]),
        ({"once": [2, 3]}, [4, 2, 4], [2]),
        ({"once": [2, 3]}, [3, 4, 2], [2, 3]),
        ({"never": [[2, 3], [4, 4]]}, [2], [3]),
        ({"never": [[2, 3], [4, 4]]}, [2, 4], [4]),
        ({"never": [[2, 3, 4]]}, [3], []),
        ({"never": [[2, 3, 4]]}, [2, 3], [4]),
        ({"no_repeat_ngram": 1}, [2, 3], [2, 3]),
        ({"no_repeat_ngram": 2}, [2, 3, 2], [2, 3]),
        ({"no_repeat_ngram": 3}, [2, 3, 4, 2, 3], [3, 4]),
        ({"no_repeat_ngram": 2, "never": [[4]], "min_length": 9}, [2], [END, 2, 4]),
    ],
)
def test_what_may_not_come_next(rules, said, expected):
    assert forbidden(said, **rules) == expected


def test_each_beam_of_each_image_has_its_own_history():
    history = np.array([[[2], [3]], [[4], [2]]], np.int32)
    candidates = np.tile(np.array(WORDS, np.int32), (2, 2, 1))
    veto = WordRules(end=END, once=[2, 3, 4]).forbidden(history, candidates)
    found = [[np.array(WORDS)[beam].tolist() for beam in image] for image in veto]
    assert found == [[[2], [3]], [[4], [2]]]
