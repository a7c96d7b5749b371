"""What a decoder gives is checked before captions are made of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.beam_search import StepOutput, Stepper
from ros2_captioner.errors import BackendError


class CheckedStepper:
    """A `ros2_captioner.beam_search.Stepper` whose nonsense is a failure of its runtime.

    Without it NaN becomes an empty caption, and a word that there is not an `IndexError`.

    Args:
        stepper: of any runtime.
        words: number of words in the vocabulary.
    """

    def __init__(self, stepper: Stepper, words: int) -> None:
        self._stepper, self._words = stepper, words

    def step(self, tokens: NDArray[np.int32], parents: NDArray[np.int64]) -> StepOutput:
        """See `ros2_captioner.beam_search.Stepper.step`.

        Raises:
            BackendError: also of NaN, and of ids outside the vocabulary.
        """
        output = self._stepper.step(tokens, parents)
        if _holds_nan(output.log_probs) or _holds_nan(output.attention):
            raise BackendError(
                "the model gives NaN where probabilities were expected; its weights are damaged, "
                "or overflow in this precision: try precision int8 or float32, or another model"
            )
        if output.ids.view(np.uint32).max() >= self._words:  # negative ones are the largest there
            least, most = output.ids.min(), output.ids.max()
            raise BackendError(
                f"the model offers words {least} to {most}; expected those of its vocabulary, 0 to "
                f"{self._words - 1}: export graphs and vocabulary from one run"
            )
        return output


def _holds_nan(values: NDArray[np.float32]) -> bool:
    # One product, as it is asked at every step: ``isnan`` with ``any`` takes three times as long.
    return math.isnan(np.vdot(values, values))
