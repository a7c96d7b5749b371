"""Counts of what happened to every frame; written by several threads, read for diagnostics."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

_RATE_WINDOW_S = 5.0
_LATENCIES = 200


@dataclass(frozen=True)
class CameraReport:
    """One camera at the time of a report.

    Attributes:
        camera: topic.
        rate_hz: frames received a second, over the last five seconds.
        silent_s: seconds since the last frame arrived, or since the start of counting.
        received: frames in all.
        captioned: of them captioned.
        dropped: frames that were not captioned, by reason.
        new_captioned: captioned since the last report.
        new_faults: refused or failed since the last report.
        last_error: message of the last refusal; empty if there was none.
    """

    camera: str
    rate_hz: float
    silent_s: float
    received: int
    captioned: int
    dropped: dict[str, int]
    new_captioned: int
    new_faults: int
    last_error: str


@dataclass
class _Camera:
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    received: int = 0
    captioned: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    last_error: str = ""
    captioned_before: int = 0
    faults: int = 0
    faults_before: int = 0


class Statistics:
    """Thread-safe counters of a node.

    Args:
        cameras: topics that are reported even before their first frame.
    """

    def __init__(self, cameras: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._begun_s = time.monotonic()
        self._cameras = {camera: _Camera() for camera in cameras}
        self._latencies_s: deque[float] = deque(maxlen=_LATENCIES)

    def received(self, camera: str) -> None:
        """A frame arrived."""
        with self._lock:
            entry = self._cameras[camera]
            entry.received += 1
            entry.arrivals.append(time.monotonic())

    def silent_s(self, camera: str) -> float:
        """Seconds since the camera's last frame, or since the start of counting."""
        with self._lock:
            arrivals = self._cameras[camera].arrivals
            return time.monotonic() - (arrivals[-1] if arrivals else self._begun_s)

    def captioned(self, camera: str, latency_s: float) -> None:
        """A caption was published; ``latency_s`` is the time from arrival to publication."""
        with self._lock:
            self._cameras[camera].captioned += 1
            self._latencies_s.append(latency_s)

    def dropped(self, camera: str, reason: str) -> None:
        """A frame was left out on purpose: replaced by a newer one, or unchanged."""
        with self._lock:
            self._cameras[camera].dropped[reason] += 1

    def refused(self, camera: str, reason: str, message: str) -> int:
        """A frame could not be used; returns how many had the same fault, this one included."""
        with self._lock:
            entry = self._cameras[camera]
            entry.dropped[reason] += 1
            entry.faults += 1
            entry.last_error = message
            return entry.dropped[reason]

    def latency_s(self, quantile: float) -> float | None:
        """Arrival to caption at a quantile 0-1 over the last captions; None before the first."""
        with self._lock:
            ordered = sorted(self._latencies_s)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else None

    def report(self) -> list[CameraReport]:
        """The state of every camera; what is new counts from the last call."""
        with self._lock:
            return [self._report(name, entry) for name, entry in self._cameras.items()]

    def _report(self, name: str, entry: _Camera) -> CameraReport:
        now = time.monotonic()
        recent = [at for at in entry.arrivals if at > now - _RATE_WINDOW_S]
        report = CameraReport(
            name,
            len(recent) / _RATE_WINDOW_S,
            now - (entry.arrivals[-1] if entry.arrivals else self._begun_s),
            entry.received,
            entry.captioned,
            dict(entry.dropped),
            entry.captioned - entry.captioned_before,
            entry.faults - entry.faults_before,
            entry.last_error,
        )
        entry.captioned_before, entry.faults_before = entry.captioned, entry.faults
        return report
