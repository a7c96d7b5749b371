"""The bundle's model in PyTorch, as a backend: eager or compiled."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from ros2_captioner.beam_search import StepOutput
from ros2_captioner.bundle import Bundle
from training.config.settings import ModelConfig
from training.model.decoder import Prepared
from training.restore import restored_model
from training.scoring.decode import TorchStepper

_SHORTCUTS = 3  # of a ResNet, whose 1x1 convolutions halve the map in every version
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
        architecture = bundle.manifest["architecture"]
        config = ModelConfig(
            encoder=architecture["encoder"],
            encoder_weights="random",  # those of the bundle follow
            decoder=architecture["decoder"].removesuffix("_lstm"),
            image_size=bundle.image_size,
            width=architecture["width"],
            hidden=architecture["hidden"],
            evidence_words=architecture.get("evidence_words", 0),
            stride_in_1x1=_strides_in_1x1(bundle) > _SHORTCUTS,
        )
        model = restored_model(bundle, config).eval().to(device, _DTYPES[precision])
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
        """Begin a decode with ``beam_width`` rows a picture."""
        return InferenceStepper(self._decoder, encoding, beam_width)


def _strides_in_1x1(bundle: Bundle) -> int:
    """How many 1x1 convolutions of the encoder halve the map; the manifest does not say where."""
    carried = next(name for name in _DTYPES if name in bundle.precisions)
    graph = onnx.load(bundle.graph(carried, "encoder")).graph
    attributes = (
        {attribute.name: list(attribute.ints) for attribute in node.attribute}
        for node in graph.node
        if node.op_type == "Conv"
    )
    return sum(
        each.get("kernel_shape") == [1, 1] and each.get("strides") == [2, 2] for each in attributes
    )


class InferenceStepper(TorchStepper):
    """A stepper that keeps no gradients."""

    @torch.inference_mode()
    def step(self, tokens: NDArray[np.int32], parents: NDArray[np.int64]) -> StepOutput:
        """See `ros2_captioner.beam_search.Stepper.step`."""
        return super().step(tokens, parents)
