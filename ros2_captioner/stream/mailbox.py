"""The newest frame of each camera, handed from the subscriptions to the worker."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ros2_captioner.stream.frames import ReceivedImage


class Mailbox:
    """Keeps one image per camera; a newer one replaces it. All methods are thread-safe."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._images: dict[str, ReceivedImage] = {}
        self._flushes = 0
        self._closed = False

    def put(self, received: ReceivedImage) -> bool:
        """Leave an image; returns whether it replaced one that nobody had taken."""
        with self._condition:
            replaced = received.camera in self._images
            self._images[received.camera] = received
            self._condition.notify()
            return replaced

    def take(
        self, due: Callable[[str], bool], timeout_s: float | None
    ) -> tuple[list[ReceivedImage], int]:
        """Wait for images and take them, at most one per camera.

        Args:
            due: whether a camera's image may be taken now; others stay.
            timeout_s: longest wait; None waits until an image comes or the mailbox closes.

        Returns:
            The images, oldest first, none after the timeout or when the mailbox is closed; and how
            many calls of `flush` they answer.
        """
        with self._condition:
            self._condition.wait_for(
                lambda: self._closed or self._flushes or any(map(due, self._images)), timeout_s
            )
            if self._closed:
                return [], 0
            ready = [c for c in self._images if self._flushes or due(c)]
            flushes, self._flushes = self._flushes, 0
            images = [self._images.pop(camera) for camera in ready]
            return sorted(images, key=lambda received: received.received_s), flushes

    def flush(self) -> None:
        """Make the next `take` return at once with all images, due or not."""
        with self._condition:
            self._flushes += 1
            self._condition.notify()

    def close(self) -> None:
        """Wake the taker for good."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def wait_for_close(self, timeout_s: float) -> bool:
        """Wait until the mailbox is closed, at most so long; returns whether it is."""
        with self._condition:
            return self._condition.wait_for(lambda: self._closed, timeout_s)

    def leftovers(self) -> list[ReceivedImage]:
        """Take what nobody took, also after the mailbox is closed."""
        with self._condition:
            images = list(self._images.values())
            self._images.clear()
            return images

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed
