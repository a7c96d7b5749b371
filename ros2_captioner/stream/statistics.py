"""Counts of what happened to every frame; written by several threads, read for diagnostics."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import NamedTuple

_RATE_WINDOW_S = 5.0
_ARRIVALS = 1000  # that are kept of each camera
_MANY = 0.2  # of the frames that a camera sent in the window
_GAPS = 10  # between frames, from which the usual one is taken
_MISSED_FRAMES = 3  # of a slow camera, after which it has stopped
_LATENCIES = 200
_GOOD = ("unchanged", "unsure")  # reasons that leave out a frame without a fault


class Silence(NamedTuple):
    """How long a camera has sent nothing.

    Attributes:
        seconds: since the last frame, or since counting began or went on.
        usual_gap_s: median seconds between the last frames; 0 before the second.
        ever_heard: whether a frame ever came.
    """

    seconds: float
    usual_gap_s: float
    ever_heard: bool

    def outlasts(self, limit_s: float) -> bool:
        """Whether it is longer than a limit, and than a slow camera takes for three frames."""
        return self.seconds > max(limit_s, _MISSED_FRAMES * self.usual_gap_s)


@dataclass(frozen=True)
class CameraReport:
    """One camera at the time of a report.

    Attributes:
        camera: topic.
        rate_hz: frames received a second, over the last five seconds, since the first frame or over
            the last 1000 frames.
        silence: since the last frame.
        received: frames in all.
        captioned: of them captioned.
        dropped: frames that were not captioned, by reason.
        lost: frames that the middleware lost before the node had them.
        loses_many: whether they are more than a fifth of those of the last five seconds.
        new_good: captioned, unchanged or unsure since the last report, or before it where nothing
            has happened since.
        new_faults: refused or failed lately.
        last_error: message of the last refusal; empty if there was none.
    """

    camera: str
    rate_hz: float
    silence: Silence
    received: int
    captioned: int
    dropped: dict[str, int]
    lost: int
    loses_many: bool
    new_good: int
    new_faults: int
    last_error: str


@dataclass
class _Camera:
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=_ARRIVALS))
    losses: deque[float] = field(default_factory=lambda: deque(maxlen=_ARRIVALS))
    received: int = 0
    lost: int = 0
    captioned: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    last_error: str = ""
    before: tuple[int, int, int] = (0, 0, 0)  # received, good, faults
    faults: int = 0
    news: tuple[int, int] = (0, 0)  # good, faults

    @property
    def counts(self) -> tuple[int, int, int]:
        """Received, good and refused."""
        good = self.captioned + sum(self.dropped[reason] for reason in _GOOD)
        return self.received, good, self.faults


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

    @property
    def cameras(self) -> tuple[str, ...]:
        """As given."""
        return tuple(self._cameras)

    def received(self, camera: str) -> None:
        """A frame arrived."""
        with self._lock:
            entry = self._cameras[camera]
            entry.received += 1
            entry.arrivals.append(time.monotonic())

    def lost(self, camera: str, count: int) -> None:
        """So many frames were sent, but never arrived."""
        with self._lock:
            entry = self._cameras[camera]
            entry.lost += count
            entry.losses.extend([time.monotonic()] * min(count, _ARRIVALS))

    def go_on(self) -> None:
        """Count on after a pause, which is no silence of the cameras."""
        with self._lock:
            self._begun_s = time.monotonic()
            for entry in self._cameras.values():
                entry.arrivals.clear()
                entry.losses.clear()
                entry.before = entry.counts
                entry.news = (0, 0)

    def silence(self, camera: str) -> Silence:
        """How long a camera has sent nothing."""
        with self._lock:
            return self._silence(self._cameras[camera])

    def loses_many(self, camera: str) -> bool:
        """See `CameraReport.loses_many`."""
        with self._lock:
            return _loses_many(self._cameras[camera])

    def captioned(self, camera: str, latency_s: float) -> None:
        """A caption was published, so many seconds after its frame could have been captioned."""
        with self._lock:
            self._cameras[camera].captioned += 1
            self._latencies_s.append(latency_s)

    def dropped(self, camera: str, reason: str) -> None:
        """A frame was left out on purpose: replaced by a newer one, or unchanged."""
        with self._lock:
            self._cameras[camera].dropped[reason] += 1

    def recalled(self, camera: str, reason: str) -> None:
        """A frame that had been dropped is asked for after all, and will be counted again."""
        with self._lock:
            self._cameras[camera].dropped[reason] -= 1

    def refused(self, camera: str, reason: str, message: str) -> int:
        """A frame could not be used; returns how many had the same fault, this one included."""
        with self._lock:
            entry = self._cameras[camera]
            entry.dropped[reason] += 1
            entry.faults += 1
            entry.last_error = message
            return entry.dropped[reason]

    def latency_s(self, quantile: float) -> float | None:
        """Frame to caption at a quantile 0-1 over the last captions; None before the first."""
        with self._lock:
            ordered = sorted(self._latencies_s)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else None

    def report(self) -> list[CameraReport]:
        """The state of every camera; what happened lately counts from the last call."""
        with self._lock:
            return [self._report(name, entry) for name, entry in self._cameras.items()]

    def _silence(self, entry: _Camera) -> Silence:
        seconds = time.monotonic() - (entry.arrivals[-1] if entry.arrivals else self._begun_s)
        return Silence(seconds, _usual_gap_s(entry), entry.received > 0)

    def _report(self, name: str, entry: _Camera) -> CameraReport:
        silence = self._silence(entry)
        new_good, new_faults = _news(entry)
        return CameraReport(
            camera=name,
            rate_hz=_rate_hz(entry, silence.usual_gap_s),
            silence=silence,
            received=entry.received,
            captioned=entry.captioned,
            dropped={reason: count for reason, count in entry.dropped.items() if count},
            lost=entry.lost,
            loses_many=_loses_many(entry),
            new_good=new_good,
            new_faults=new_faults,
            last_error=entry.last_error,
        )


def _news(entry: _Camera) -> tuple[int, int]:
    """Good and refused since something happened; a slow camera's last frame tells for long."""
    (_, good, faults), now = entry.before, entry.counts
    if now != entry.before:
        entry.before, entry.news = now, (now[1] - good, now[2] - faults)
    return entry.news


def _recent(times_s: Iterable[float], now_s: float) -> list[float]:
    return [at_s for at_s in times_s if at_s > now_s - _RATE_WINDOW_S]


def _loses_many(entry: _Camera) -> bool:
    now_s = time.monotonic()
    lost, arrived = len(_recent(entry.losses, now_s)), len(_recent(entry.arrivals, now_s))
    return lost > _MANY * (lost + arrived)


def _usual_gap_s(entry: _Camera) -> float:
    last = list(entry.arrivals)[-_GAPS - 1 :]
    return median(after - before for before, after in pairwise(last)) if len(last) > 1 else 0.0


def _rate_hz(entry: _Camera, usual_gap_s: float) -> float:
    """Over the window, or what of it is known; by the usual gap for a camera that is slower."""
    now_s = time.monotonic()
    recent = _recent(entry.arrivals, now_s)
    if usual_gap_s > _RATE_WINDOW_S and now_s - entry.arrivals[-1] < 2 * usual_gap_s:
        return 1 / usual_gap_s
    if len(recent) == len(entry.arrivals) and recent and recent[0] < now_s:  # no more are known
        return (len(recent) - 1) / (now_s - recent[0])
    return len(recent) / _RATE_WINDOW_S
