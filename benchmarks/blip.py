"""A baseline: BLIP-base of transformers, from its configuration with random weights."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BlipConfig, BlipForConditionalGeneration


class Blip:
    """Captions one frame at a time."""

    def __init__(self) -> None:
        self._model = BlipForConditionalGeneration(BlipConfig()).eval()
        self._size = self._model.config.vision_config.image_size

    @torch.inference_mode()
    def caption(self, frame: NDArray[np.uint8], beam_width: int, words: int) -> None:
        """Caption a uint8 ``[height, width, 3]`` RGB frame with a fixed number of words."""
        small = cv2.resize(frame, (self._size, self._size)).astype(np.float32) / 127.5 - 1
        pixels = torch.from_numpy(small).permute(2, 0, 1)[None]
        self._model.generate(
            pixel_values=pixels, num_beams=beam_width, min_new_tokens=words, max_new_tokens=words
        )
