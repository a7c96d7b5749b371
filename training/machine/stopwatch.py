"""Where the time of an epoch goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable


class Stopwatch:
    """Adds up the seconds between laps, by what was done in them.

    Args:
        clock: seconds, never backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._last = clock()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def lap(self, name: str) -> None:
        """Everything since the last lap was ``name``."""
        now = self._clock()
        self._seconds[name] += now - self._last
        self._last = now

    @property
    def total(self) -> float:
        """Seconds of all laps."""
        return sum(self._seconds.values())

    def __getitem__(self, name: str) -> float:
        """Seconds of the laps of one name."""
        return self._seconds[name]

    def __str__(self) -> str:
        shares = {name: spent / max(self.total, 1e-9) for name, spent in self._seconds.items()}
        return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
