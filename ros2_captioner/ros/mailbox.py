"""The newest frame of each camera, handed from the subscriptions to the worker."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Letter:
    """A message not yet converted, so that frames never captioned cost nothing.

    Attributes:
        camera: topic name.
        message: Image or CompressedImage as received.
        received_s: monotonic time of arrival.
    """

    camera: str
    message: Any
    received_s: float


class Mailbox:
    """Keeps one letter a camera; a newer one replaces it. All methods are thread-safe."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._letters: dict[str, Letter] = {}
        self._replaced = 0
        self._closed = False

    @property
    def replaced(self) -> int:
        """Frames that a newer frame of the same camera replaced before they were taken."""
        return self._replaced

    def put(self, letter: Letter) -> None:
        """Leave a letter, replacing the camera's older one."""
        with self._condition:
            self._replaced += letter.camera in self._letters
            self._letters[letter.camera] = letter
            self._condition.notify()

    def take(self, cameras_at_rest: frozenset[str], timeout_s: float | None) -> list[Letter]:
        """Wait for letters and take them, at most one a camera.

        Args:
            cameras_at_rest: cameras whose letters stay for now (rate limit).
            timeout_s: longest wait; None waits until a letter comes or the box closes.

        Returns:
            Oldest first; empty after the timeout or when the box is closed.
        """
        with self._condition:
            self._condition.wait_for(
                lambda: self._closed or any(c not in cameras_at_rest for c in self._letters),
                timeout_s,
            )
            if self._closed:
                return []
            ready = [c for c in self._letters if c not in cameras_at_rest]
            letters = [self._letters.pop(camera) for camera in ready]
            return sorted(letters, key=lambda letter: letter.received_s)

    def close(self) -> None:
        """Wake the taker for good."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed
