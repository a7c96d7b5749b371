"""A baseline: the model's own architecture in PyTorch, compiled with torch.compile."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ros2_captioner.beam_search import beam_search
from ros2_captioner.benchmark.timing import fixed_length
from ros2_captioner.bundle import Bundle
from ros2_captioner.preprocess import preprocess_batch
from training.bundle.weights import model_config
from training.model.captioning import build_model
from training.scoring.decode import TorchStepper


class CompiledModel:
    """Captions one frame at a time with random weights, which take as long as trained ones.

    Args:
        bundle: whose architecture it has.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._vocabulary, self._size = bundle.vocabulary, bundle.image_size
        self._model = build_model(model_config(bundle), len(bundle.vocabulary)).eval()
        self._model.prepare = torch.compile(self._model.prepare)  # type: ignore[method-assign]
        decoder = self._model.decoder
        decoder.step = torch.compile(decoder.step)  # type: ignore[method-assign]

    @torch.inference_mode()
    def caption(self, frame: NDArray[np.uint8], beam_width: int) -> None:
        """Caption a uint8 ``[height, width, 3]`` RGB frame with a fixed number of words."""
        frames = torch.from_numpy(preprocess_batch([frame], self._size))
        stepper = TorchStepper(self._model.decoder, self._model.prepare(frames), beam_width)
        beam_search(
            stepper,
            1,
            fixed_length(beam_width),
            start=self._vocabulary.start,
            end=self._vocabulary.end,
            vetoed=[self._vocabulary.unknown],
        )
