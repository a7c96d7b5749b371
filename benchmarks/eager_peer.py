"""The baseline: what public captioning code of this family does, in plain eager PyTorch.

ResNet-101 at 224 pixels, its map pooled to 14x14x2048, additive attention (Xu et al. 2015) whose
keys are recomputed in every step, one LSTM of 512, and a beam search in Python that copies the
map for every beam. Written for this comparison, with random weights and a fixed caption length;
not part of the product. It is kinder than most: evaluation mode, no gradients.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn

_GRID, _CHANNELS, _WIDTH = 14, 2048, 512


class EagerPeer(nn.Module):
    """Captions one RGB frame at a time.

    Args:
        vocabulary_size: words of the output layer.
    """

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        trunk = torchvision.models.resnet101(weights=None)
        self.trunk = nn.Sequential(*list(trunk.children())[:-2])
        self.pool = nn.AdaptiveAvgPool2d(_GRID)
        self.key = nn.Linear(_CHANNELS, _WIDTH)
        self.query = nn.Linear(_WIDTH, _WIDTH)
        self.score = nn.Linear(_WIDTH, 1)
        self.gate = nn.Linear(_WIDTH, _CHANNELS)
        self.initial_h = nn.Linear(_CHANNELS, _WIDTH)
        self.initial_c = nn.Linear(_CHANNELS, _WIDTH)
        self.embedding = nn.Embedding(vocabulary_size, _WIDTH)
        self.cell = nn.LSTMCell(_WIDTH + _CHANNELS, _WIDTH)
        self.output = nn.Linear(_WIDTH, vocabulary_size)
        self.eval()

    @torch.no_grad()
    def caption(self, frame: NDArray[np.uint8], beam_width: int, steps: int) -> list[int]:
        """Word ids of the best hypothesis of a uint8 ``[height, width, 3]`` frame."""
        cells = self.encode(frame).expand(beam_width, -1, -1)
        h = self.initial_h(cells.mean(dim=1))
        c = self.initial_c(cells.mean(dim=1))
        words = torch.zeros(beam_width, 1, dtype=torch.long)
        scores = torch.zeros(beam_width, 1)
        # Nobody reads these, but public code keeps them for its figures, and pays for it.
        attentions = torch.ones(beam_width, 1, _GRID, _GRID)
        for step in range(steps):
            log_probs, attention, h, c = self.step(words[:, -1], cells, h, c)
            totals = scores + log_probs
            # All beams are equal before the first word.
            flat = totals[0] if step == 0 else totals.view(-1)
            best, index = flat.topk(beam_width)
            parents = torch.div(index, log_probs.shape[1], rounding_mode="floor")
            words = torch.cat([words[parents], (index % log_probs.shape[1])[:, None]], dim=1)
            grid = attention.view(-1, 1, _GRID, _GRID)
            attentions = torch.cat([attentions[parents], grid[parents]], dim=1)
            h, c, cells, scores = h[parents], c[parents], cells[parents], best[:, None]
        return [int(word) for word in words[int(scores.argmax())]]

    def encode(self, frame: NDArray[np.uint8]) -> Tensor:
        """``[1, 196, 2048]`` cells of a frame."""
        small = cv2.resize(frame, (224, 224)).astype(np.float32) / 255
        pixels = torch.from_numpy(small).permute(2, 0, 1)[None]
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        pixels = (pixels - mean[:, None, None]) / std[:, None, None]
        cells: Tensor = self.pool(self.trunk(pixels)).permute(0, 2, 3, 1)
        return cells.reshape(1, _GRID * _GRID, _CHANNELS)

    def step(
        self, tokens: Tensor, cells: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Log-probabilities ``[K, V]``, attention ``[K, 196]`` and the new state."""
        mixed = torch.relu(self.key(cells) + self.query(h)[:, None])
        attention = self.score(mixed).squeeze(2).softmax(dim=1)
        context = (cells * attention[:, :, None]).sum(dim=1) * self.gate(h).sigmoid()
        h, c = self.cell(torch.cat([self.embedding(tokens), context], dim=1), (h, c))
        return self.output(h).log_softmax(dim=1), attention, h, c
