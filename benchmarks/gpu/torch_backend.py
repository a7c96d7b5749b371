"""The bundle's model in PyTorch, as a backend: eager or compiled."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ros2_captioner.beam_search import StepOutput
from ros2_captioner.bundle import Bundle
from training.bundle.weights import model_config, restored_model
from training.model.decoder import Prepared
from training.scoring.decode import TorchStepper

_DTYPES = {"float16": torch.float16, "float32": torch.float32}


class TorchBackend:
    """See `ros2_captioner.backends.base.Backend`.

    Args:
        bundle: whose weights it has; it must carry a float variant.
        precision: ``float16`` or ``float32``.
        device: ``cuda`` or ``cpu``.
        compiled: encoder and step under torch.compile.
    """

    def __init__(self, bundle: Bundle, precision: str, device: str, *, compiled: bool) -> None:
        self.name = "torch compiled" if compiled else "torch eager"
        self.max_batch, self.remark = 64, ""
        self.device, self.precision = device, precision
        model = restored_model(bundle, model_config(bundle)).eval().to(device, _DTYPES[precision])
        self._decoder, self._prepare = model.decoder, model.prepare
        if compiled:
            self._prepare = torch.compile(model.prepare)
            self._decoder.step = torch.compile(model.decoder.step)  # type: ignore[method-assign]

    @torch.inference_mode()
    def encode(self, frames: NDArray[np.uint8]) -> Prepared:
        """Encode frames ``[B, S, S, 3]``; waits for the device."""
        prepared = self._prepare(torch.from_numpy(frames).to(self.device))
        if self.device == "cuda":
            torch.cuda.synchronize()
        return prepared

    def evidence(self, encoding: Prepared) -> NDArray[np.float32] | None:
        """See `ros2_captioner.backends.base.Backend.evidence`."""
        if encoding.evidence is None:
            return None
        return encoding.evidence.float().cpu().numpy()

    def start(self, encoding: Prepared, beam_width: int) -> InferenceStepper:
        """Begin a decode with ``beam_width`` rows per image."""
        return InferenceStepper(self._decoder, encoding, beam_width)


class InferenceStepper(TorchStepper):
    """A stepper that keeps no gradients."""

    @torch.inference_mode()
    def step(self, tokens: NDArray[np.int32], parents: NDArray[np.int64]) -> StepOutput:
        """See `ros2_captioner.beam_search.Stepper.step`."""
        return super().step(tokens, parents)
