"""What a decoder gives is checked before captions are made of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.beam_search import StepOutput, Stepper
from ros2_captioner.errors import BackendError

_SLACK = 0.01  # of what a precision rounds


class CheckedStepper:
    """A `ros2_captioner.beam_search.Stepper` whose nonsense is a failure of its runtime.

    Without it NaN and infinity become an empty caption, plain scores of words a wrong one, and a
    word that there is not an `IndexError`.

    Args:
        stepper: of any runtime.
        words: number of words in the vocabulary.
    """

    def __init__(self, stepper: Stepper, words: int) -> None:
        self._stepper, self._words = stepper, words

    def step(self, tokens: NDArray[np.int32], parents: NDArray[np.int64]) -> StepOutput:
        """See `ros2_captioner.beam_search.Stepper.step`.

        Raises:
            BackendError: also of what is no probability, and of ids outside the vocabulary.
        """
        output = self._stepper.step(tokens, parents)
        surest, brightest = output.log_probs.max(), output.attention.max()  # NaN if any is
        if not (-np.inf < surest < _SLACK and 0 <= brightest < 1 + _SLACK):
            raise BackendError(
                f"the model gives log-probabilities up to {surest:g} and attention up to "
                f"{brightest:g}; expected at most 0 and 1. Its weights are damaged, or overflow in "
                "this precision: try precision int8 or float32, or another model"
            )
        if output.ids.view(np.uint32).max() >= self._words:  # negative ones are the largest there
            least, most = output.ids.min(), output.ids.max()
            raise BackendError(
                f"the model offers words {least} to {most}; expected those of its vocabulary, 0 to "
                f"{self._words - 1}: export graphs and vocabulary from one run"
            )
        return output
