"""Backends in order of preference: the next takes over from one that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from ros2_captioner.backends.base import Backend
from ros2_captioner.errors import BackendError, CaptionerError

RETRY_S = 30.0


class Failover:
    """The backend in use, and the fallback when it fails.

    Args:
        loaders: best first; each loads a backend or raises `CaptionerError`.
        reason: why no better ones are among them.
        retry_s: seconds after a failure until a better backend is tried again, or the only one
            is reloaded once more.

    Attributes:
        backend: in use.
        reason: as given.
        trouble: why it is not the best one, in a sentence; empty while it is.

    Raises:
        CaptionerError: no loader succeeded; what the first one said.
    """

    def __init__(
        self,
        loaders: Sequence[Callable[[], Backend]],
        reason: str = "",
        retry_s: float = RETRY_S,
    ) -> None:
        self.reason = reason
        self._loaders, self._retry_s = loaders, retry_s
        self._failed_s = -retry_s
        self._better: tuple[int, Backend] | None = None
        self._search: threading.Thread | None = None
        self.trouble = ""
        self._place, self.backend = self._load(0)
        if self._place > 0:
            self.trouble = f"{self._first_error}; {self._in_use()} takes over"

    def replace(self, error: BackendError) -> None:
        """Fall back to the next backend after a failure; the last one is reloaded.

        Raises:
            BackendError: the same error, when the last was reloaded only just before.
            CaptionerError: nothing loads.
        """
        last = self._place + 1 == len(self._loaders)
        now_s = time.monotonic()
        if last and now_s - self._failed_s < self._retry_s:
            raise error
        self._failed_s = now_s
        failed = self._in_use()
        self._place, self.backend = self._load(self._place if last else self._place + 1)
        remedy = "reloaded" if last else f"{self._in_use()} takes over"
        self.trouble = f"{failed} failed ({error}); {remedy}"

    def restore(self) -> None:
        """Go back to a better backend once it loads again; it loads in a thread of its own."""
        due = time.monotonic() - self._failed_s >= self._retry_s
        if self._better is not None:
            self._place, self.backend = self._better
            self._better, self._search, self.trouble = None, None, ""
        elif due and self._place == 0:
            self.trouble = ""
        elif due and (self._search is None or not self._search.is_alive()):
            self._failed_s = time.monotonic()
            self._search = threading.Thread(target=self._look_for_better, daemon=True)
            self._search.start()

    def _look_for_better(self) -> None:
        try:
            place, backend = self._load(0, self._place)
        except CaptionerError:
            return
        self._better = place, backend

    def _in_use(self) -> str:
        return f"{self.backend.name} on {self.backend.device}"

    def _load(self, first: int, end: int | None = None) -> tuple[int, Backend]:
        """The first backend that loads, of those from ``first`` up to ``end``, and its place."""
        errors: list[CaptionerError] = []
        for place, loader in list(enumerate(self._loaders))[first:end]:
            try:
                return place, loader()
            except CaptionerError as error:
                errors.append(error)
                self._first_error = errors[0]
        raise errors[0]
