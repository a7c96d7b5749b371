"""What every backend offers: encode images, start a decode, step it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.beam_search import Stepper


class Backend(Protocol):
    """A runtime with the model loaded; the state of a decode stays on its device.

    Attributes:
        name: ``onnxruntime`` and so on.
        device: ``cpu`` or ``cuda``.
        precision: of the loaded variant.
        max_batch: images that it encodes together at most.
        remark: what the user should know although it works; empty most of the time.
    """

    name: str
    device: str
    precision: str
    max_batch: int
    remark: str

    def encode(self, frames: NDArray[np.uint8]) -> Any:
        """Encode RGB frames, uint8 ``[B, S, S, 3]``; the result is opaque and goes to `start`.

        Raises:
            BackendError: the runtime failed.
        """
        ...

    def evidence(self, encoding: Any) -> NDArray[np.float32] | None:
        """Evidence for each word in the encoded images, float32 ``[B, V]``, nats.

        None if the model gives no evidence.
        """
        ...

    def start(self, encoding: Any, beam_width: int) -> Stepper:
        """Begin to decode the encoded images with ``beam_width`` rows each.

        Raises:
            BackendError: the runtime failed.
        """
        ...
