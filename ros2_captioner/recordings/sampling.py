"""Which frames of a recording are captioned."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import OptionsError
from ros2_captioner.stream.scene_gate import SceneGate

_EARLY = 0.05  # of a period, so that a frame which comes a little too soon is not skipped
_SHORTEST_S = 1e-3  # far below the period of any camera


@dataclass(frozen=True)
class Sampling:
    """What the user asks for.

    Attributes:
        every_s: seconds from one captioned frame of a camera to the next; 0 takes every frame.
        changed: of these, only frames whose scene differs by more, mean brightness 0 to 1; 0 takes
            all.

    Raises:
        OptionsError: a value is out of range.
    """

    every_s: float
    changed: float = 0.0

    def __post_init__(self) -> None:
        if not (self.every_s == 0 or _SHORTEST_S <= self.every_s < math.inf):
            raise OptionsError(
                f"every is {self.every_s}; expected seconds, {_SHORTEST_S:g} or more, or 0 for all"
            )
        if not 0 <= self.changed <= 1:
            raise OptionsError(f"changed is {self.changed}; expected a threshold, 0 to 1")


class Sampler:
    """Applies a sampling to the frames of one recording, each camera by itself."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._first_ns: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self._gates: defaultdict[str, SceneGate] = defaultdict(SceneGate)

    def due(self, camera: str, time_ns: int) -> bool:
        """Whether it is time for a frame, which need not be decoded for that."""
        return self._sampling.every_s == 0 or self._taken.get(camera) != self._turn(camera, time_ns)

    def takes(self, camera: str, time_ns: int, picture: NDArray[np.uint8]) -> bool:
        """Whether a frame that is due, uint8 ``[height, width, 3]`` RGB, is captioned."""
        if self._sampling.every_s:
            self._taken[camera] = self._turn(camera, time_ns)
        gate, time_s = self._gates[camera], time_ns * 1e-9
        taken = gate.passes(picture, self._sampling.changed, 0.0, time_s)
        if taken:
            gate.captioned(time_s)
        return taken

    def _turn(self, camera: str, time_ns: int) -> int:
        """Number of the period that a time is in."""
        first_ns = self._first_ns.setdefault(camera, time_ns)
        return math.floor((time_ns - first_ns) * 1e-9 / self._sampling.every_s + _EARLY)
