"""The newest frame of each camera, handed from the subscriptions to the worker."""

from __future__ import annotations

import threading
from collections.abc import Callable
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
        self._hurried = False
        self._closed = False

    def put(self, letter: Letter) -> bool:
        """Leave a letter; returns whether it replaced one that nobody had taken."""
        with self._condition:
            replaced = letter.camera in self._letters
            self._letters[letter.camera] = letter
            self._condition.notify()
            return replaced

    def take(self, due: Callable[[str], bool], timeout_s: float | None) -> list[Letter]:
        """Wait for letters and take them, at most one a camera.

        Args:
            due: whether a camera's letter may be taken now; others stay.
            timeout_s: longest wait; None waits until a letter comes or the box closes.

        Returns:
            Oldest first; empty after the timeout or when the box is closed.
        """
        with self._condition:
            self._condition.wait_for(
                lambda: self._closed or self._hurried or any(map(due, self._letters)), timeout_s
            )
            if self._closed:
                return []
            ready = [c for c in self._letters if self._hurried or due(c)]
            self._hurried = False
            letters = [self._letters.pop(camera) for camera in ready]
            return sorted(letters, key=lambda letter: letter.received_s)

    def hurry(self) -> None:
        """Make the next `take` return at once with all letters, due or not."""
        with self._condition:
            self._hurried = True
            self._condition.notify()

    def close(self) -> None:
        """Wake the taker for good."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed
