"""Encoding and decoding in host memory, for runtimes that take and return numpy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.beam_search import StepOutput
from ros2_captioner.evidence.objects import EVIDENCE

Arrays = Mapping[str, Any]  # numpy arrays, or what a runtime keeps on its device in their place
Run = Callable[[Arrays], dict[str, Any]]


@dataclass(frozen=True)
class Encoding:
    """Encoder outputs of B images.

    Attributes:
        constants: inputs of every step, by name.
        state: initial state tensors ``[B, H]``, by the step's input name.
    """

    constants: Arrays
    state: Arrays


class HostBackend:
    """The calls of `ros2_captioner.backends.base.Backend` over a runtime's two graphs.

    Args:
        encoder: runs the encoder, named inputs to named outputs.
        decoder: runs one step likewise.
        state: the step's state inputs, each with the output that follows it.
    """

    max_batch = 64  # more would only take memory
    remark = ""

    def __init__(self, encoder: Run, decoder: Run, state: Mapping[str, str]) -> None:
        self._encoder, self._decoder, self._state = encoder, decoder, dict(state)

    def encode(self, frames: NDArray[np.uint8]) -> Encoding:
        """uint8 ``[B, S, S, 3]`` to an `Encoding`."""
        found = self._encoder({"frames": frames})
        state = {name: found.pop(f"{name}0") for name in self._state}
        return Encoding(found, state)

    def evidence(self, encoding: Encoding) -> NDArray[np.float32] | None:
        """See `ros2_captioner.backends.base.Backend.evidence`."""
        found = encoding.constants.get(EVIDENCE)
        if found is None:
            return None
        host = found if isinstance(found, np.ndarray) else found.numpy()
        return np.asarray(host, np.float32)

    def start(self, encoding: Encoding, beam_width: int) -> HostStepper:
        """A stepper whose rows all begin from the images' initial state."""
        return HostStepper(self._decoder, self._state, encoding, beam_width)


class HostStepper:
    """`ros2_captioner.beam_search.Stepper` that feeds the state of one step into the next."""

    def __init__(
        self, decoder: Run, state_names: Mapping[str, str], encoding: Encoding, beam_width: int
    ) -> None:
        self._decoder, self._state_names = decoder, state_names
        self._constants = encoding.constants
        self._state = {
            name: np.repeat(value[:, None], beam_width, axis=1)
            for name, value in encoding.state.items()
        }
        dtype = next(iter(self._state.values())).dtype
        self._unit = np.eye(beam_width, dtype=dtype)  # its rows pick the beams to go on with

    def step(self, tokens: NDArray[np.int32], parents: NDArray[np.int64]) -> StepOutput:
        """See `ros2_captioner.beam_search.Stepper.step`."""
        found = self._decoder(
            {"tokens": tokens, "reorder": self._unit[parents], **self._constants, **self._state}
        )
        self._state = {name: found[output] for name, output in self._state_names.items()}
        return StepOutput(found["log_probs"], found["ids"], found["attention"].astype(np.float32))
