"""What every benchmark shares: frames, caption lengths, and calls that are timed in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.beam_search import DecodingOptions

STEPS = 16
_WARM_UP = 2

Key = TypeVar("Key")


def fixed_length(beam_width: int) -> DecodingOptions:
    """Options under which every caption has exactly `STEPS` words."""
    return DecodingOptions(beam_width=beam_width, min_length=STEPS, max_length=STEPS)


def synthetic_frames(count: int) -> list[NDArray[np.uint8]]:
    """Coloured noise, uint8 ``[480, 640, 3]``; the time of a call does not depend on content."""
    noise = np.random.default_rng(0)
    return [noise.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(count)]


def interleaved(calls: Mapping[Key, Callable[[], Any]], rounds: int) -> dict[Key, list[Any]]:
    """Call each in turn, ``rounds`` times after a warm-up; returns what they returned."""
    results: dict[Key, list[Any]] = {key: [] for key in calls}
    for turn in range(_WARM_UP + rounds):
        for key, call in calls.items():
            result = call()
            if turn >= _WARM_UP:
                results[key].append(result)
    return results


def timed(call: Callable[[], Any]) -> Callable[[], float]:
    """The call, returning its milliseconds."""

    def run() -> float:
        begun = time.perf_counter()
        call()
        return 1e3 * (time.perf_counter() - begun)

    return run
