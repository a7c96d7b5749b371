"""Attempts in threads of their own: one at a time, after each failure a pause that doubles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")
LONGEST_PAUSE_S = 3600.0
_under_way = threading.Lock()  # held by the only attempt of the process


class Background(Generic[Result]):
    """Tries something that may take minutes until it succeeds once.

    Only `poll` begins an attempt. One of another object, even if nobody wants its result any more,
    ends first: this one may find what that has made, such as an engine.

    Args:
        attempt: returns a result, or raises; called in another thread.
        pause_s: from the end of a failed attempt to the next; doubles each time, up to an hour.
        first_s: seconds until the first attempt is due.

    Attributes:
        error: what the last failed attempt said; empty before one failed.
    """

    def __init__(self, attempt: Callable[[], Result], pause_s: float, first_s: float) -> None:
        self._attempt, self._pause_s = attempt, pause_s
        self._due_s = time.monotonic() + first_s
        self._found: list[Result] = []
        self._thread: threading.Thread | None = None
        self.error = ""

    def poll(self) -> Result | None:
        """The result if there is one; otherwise begins the next attempt when it is due."""
        if self._thread is not None and self._thread.is_alive():
            return None
        if self._found:
            return self._found[0]
        if time.monotonic() >= self._due_s:
            # No daemon: Python's end would stop it inside a runtime, and that is a SIGSEGV.
            self._thread = threading.Thread(target=self._run, name="background")
            self._thread.start()
        return None

    def join(self) -> None:
        """Wait for the attempt that is under way, if one is."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            with _under_way:
                self._found.append(self._attempt())
        except Exception as error:  # the thread's boundary: nothing may end it unseen
            self.error = str(error) or type(error).__name__
            self._due_s = time.monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
