"""What a decoder gives is checked before captions are made of it."""

from __future__ import annotations

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
        if np.isnan(output.log_probs).any() or np.isnan(output.attention).any():
            raise BackendError(
                "the model gives NaN where probabilities were expected; its weights are damaged, "
                "or overflow in this precision: try precision int8 or float32, or another model"
            )
        least, most = int(output.ids.min()), int(output.ids.max())
        if least < 0 or most >= self._words:
            raise BackendError(
                f"the model offers words {least} to {most}; expected those of its vocabulary, 0 to "
                f"{self._words - 1}: export graphs and vocabulary from one run"
            )
        return output
