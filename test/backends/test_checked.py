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


@pytest.mark.parametrize(
    ("name", "value"),
    [("log_probs", np.nan), ("log_probs", np.inf), ("log_probs", 7.5), ("attention", np.nan),
     ("attention", np.inf)],
)  # fmt: skip
def test_what_is_no_probability_is_refused(name, value):
    """As of weights that are damaged, or of a graph that gives its words' scores as they are."""
    values = getattr(GIVEN, name).copy()
    values.flat[-1] = value
    kind = {"log_probs": "log-probabilities", "attention": "attention"}[name]
    with pytest.raises(BackendError, match=rf"gives .*{kind} up to {value:g}.* try precision"):
        step(**{name: values})


@pytest.mark.parametrize(("name", "value"), [("log_probs", -np.inf), ("attention", -1)])
def test_nothing_but_impossible_values_is_refused(name, value):
    with pytest.raises(BackendError, match=f"up to {value:g}"):
        step(**{name: np.full_like(getattr(GIVEN, name), value)})


def test_rounding_is_no_fault():
    step(log_probs=np.full_like(GIVEN.log_probs, 1e-3), attention=GIVEN.attention + 0.751)


def test_words_outside_the_vocabulary_are_refused():
    with pytest.raises(BackendError, match="offers words 0 to 4; expected .* 0 to 3"):
        step(words=4)
    with pytest.raises(BackendError, match="offers words -1 to 3"):
        step(ids=GIVEN.ids - 1)
