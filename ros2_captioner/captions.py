"""Plain data: captions and how long they took. Everybody may import it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

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
        objects: words for what the model sees, with their probabilities, likeliest first; found
            before the sentence, so not all of them need be in it. Empty if the model tells none.
        confidence: probability, 0 to 1, that the caption names nothing that is absent; None if
            the model was not calibrated for it.
    """

    text: str
    score: float
    words: tuple[str, ...]
    log_probs: tuple[float, ...]
    attention: NDArray[np.float32]
    alternatives: tuple[Caption, ...] = ()
    objects: tuple[tuple[str, float], ...] = ()
    confidence: float | None = None


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


def caption_json(caption: Caption) -> dict[str, Any]:
    """Sentence, score, confidence and objects as they go into JSON."""
    return {
        "caption": caption.text,
        "score": number_json(caption.score),
        "confidence": None if caption.confidence is None else round(caption.confidence, 4),
        "objects": [
            {"word": word, "probability": round(probability, 4)}
            for word, probability in caption.objects
        ],
    }


def alternatives_json(caption: Caption) -> list[dict[str, Any]]:
    """Sentence and score of each further caption as they go into JSON."""
    return [
        {"caption": other.text, "score": number_json(other.score)} for other in caption.alternatives
    ]


def in_percent(probability: float) -> str:
    """For people; never as the certainty that .996 would be rounded to."""
    return f"{min(probability, 0.99):.0%}"


def number_json(value: float) -> float | None:
    """Four decimals; JSON has no infinity, which is the score of an empty caption."""
    return round(value, 4) if math.isfinite(value) else None
