"""Plain data: captions and how long they took. Everybody may import it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Caption:
    """A sentence about one image.

    Attributes:
        text: lower-case sentence without a full stop.
        score: length-normalised log-probability, natural logarithm; higher is surer.
        words: the words of `text`.
        log_probs: natural log-probability of each word.
        attention: float32 ``[len(words), side, side]``, the weight of each cell of the image
            for each word; what a word's cells lack to a sum of one it took from memory.
        alternatives: further captions, best first.
    """

    text: str
    score: float
    words: tuple[str, ...]
    log_probs: tuple[float, ...]
    attention: NDArray[np.float32]
    alternatives: tuple[Caption, ...] = ()


@dataclass(frozen=True)
class Timing:
    """Wall time of one batch, milliseconds."""

    preprocess_ms: float
    encode_ms: float
    decode_ms: float


@dataclass(frozen=True)
class CaptionBatch:
    """Captions of a batch of frames, one each, and how long they took."""

    captions: tuple[Caption, ...]
    timing: Timing
