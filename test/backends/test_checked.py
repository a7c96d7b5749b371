"""What no caption can be made of is refused, whatever runtime gave it."""

import numpy as np
import pytest

from ros2_captioner.backends.checked import CheckedStepper
from ros2_captioner.beam_search import StepOutput
from ros2_captioner.errors import BackendError

GIVEN = StepOutput(
    np.array([[[-0.5, -1.0, -np.inf]]], np.float32),
    np.array([[[0, 4, 2]]], np.int32),
    np.full((1, 1, 4), 0.25, np.float32),
)


class Given:
    def __init__(self, **changes):
        self.output = StepOutput(**vars(GIVEN) | changes)

    def step(self, tokens, parents):
        return self.output


def step(words=5, **changes):
    nothing = np.zeros((1, 1), np.int64)
    return CheckedStepper(Given(**changes), words).step(nothing.astype(np.int32), nothing)


def test_what_is_right_is_handed_on():
    assert step().ids is GIVEN.ids


@pytest.mark.parametrize("name", ["log_probs", "attention"])
def test_nan_is_refused(name):
    value = getattr(GIVEN, name).copy()
    value.flat[-1] = np.nan
    with pytest.raises(BackendError, match=r"gives NaN .* try precision"):
        step(**{name: value})


def test_words_outside_the_vocabulary_are_refused():
    with pytest.raises(BackendError, match="offers words 0 to 4; expected .* 0 to 3"):
        step(words=4)
    with pytest.raises(BackendError, match="offers words -1 to 3"):
        step(ids=GIVEN.ids - 1)
