"""Backends in order of preference: the next takes over from one that fails."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from ros2_captioner.backends.background import LONGEST_PAUSE_S, Background
from ros2_captioner.backends.base import Backend
from ros2_captioner.errors import BackendError, CaptionerError, described

RETRY_S = 30.0

Result = TypeVar("Result")
Loaders = Sequence[Callable[[], Backend]]
Loaded = tuple[int, Backend, str]  # its place, and why the best one did not load, if it did not


class Failover:
    """The backend in use, and the fallback when it fails.

    Fallbacks load in the thread that captions, which calls all methods; better backends load in the
    background, see `Background`. Other threads may read the attributes.

    Args:
        loaders: best first; each loads a backend or raises.
        reason: why no better ones are among them.
        retry_s: seconds after a failure until a better backend is tried again, or the one in use is
            reloaded once more. Between further tries of a better one the pause doubles, also
            where it loads, but fails again before it has worked for as long.
        builders: what loads them in the background, where it may take minutes, as the building of
            engines does; the loaders themselves if not given.

    Attributes:
        backend: in use.
        reason: as given.
        trouble: why it is not the best one, in a sentence; empty while it is.

    Raises:
        CaptionerError: no loader succeeded; what the first one said.
    """

    def __init__(
        self,
        loaders: Loaders,
        reason: str = "",
        retry_s: float = RETRY_S,
        builders: Loaders | None = None,
    ) -> None:
        self.reason = reason
        self._loaders, self._builders, self._retry_s = loaders, builders or loaders, retry_s
        self._pause_s = retry_s
        self._search: Background[Loaded] | None = None  # for a better one
        self._use(*_load(loaders), first_try_s=0.0)
        self._used_since_s = -math.inf  # so its first failure doubles no pause

    def replace(self, error: BackendError) -> None:
        """Fall back to the next backend after a failure; reload the same one where none loads.

        Raises:
            BackendError: the same error, when it was reloaded only just before.
            CaptionerError: nothing loads.
        """
        now_s = time.monotonic()
        if now_s - self._reloaded_s < self._retry_s:
            raise error
        # One that came back only to fail will do so again.
        worked = now_s - self._used_since_s >= self._pause_s
        self._pause_s = self._retry_s if worked else min(2 * self._pause_s, LONGEST_PAUSE_S)
        why, next_place = f"{self._in_use()} failed ({error})", self._place + 1
        try:
            below, backend, _ = _load(self._loaders[next_place:])
        except CaptionerError:
            self._reload(why)
        else:
            self._use(next_place + below, backend, why, first_try_s=self._pause_s)

    def restore(self) -> None:
        """Go back to a better backend once it has loaded in the background."""
        if self._search is None:
            return
        found = self._search.poll()
        if found is not None:
            self._use(*found, first_try_s=self._retry_s)
        elif self._search.error:
            self._tell(self._search.error)

    def succeeded(self) -> None:
        """A batch went well: a failure that has not come again for a while is over."""
        if self._search is None and time.monotonic() - self._reloaded_s >= self._retry_s:
            self.trouble = ""

    def _use(self, place: int, backend: Backend, why: str, first_try_s: float) -> None:
        """Caption with a backend; begin to look for a better one, if there is any."""
        self._place, self.backend, self._used_since_s = place, backend, time.monotonic()
        self._reloaded_s = -math.inf
        if place == 0:
            self._search, self.trouble = None, ""
            return
        better = self._builders[:place]
        self._search = Background(lambda: _load(better), self._pause_s, first_try_s)
        self._tell(why)

    def _reload(self, why: str) -> None:
        self._reloaded_s, self.trouble = time.monotonic(), why
        self.backend = guarded(self._loaders[self._place])
        self.trouble = f"{why}; reloaded"

    def _tell(self, why: str) -> None:
        self.trouble = f"{why}; {self._in_use()} takes over"

    def _in_use(self) -> str:
        return f"{self.backend.name} on {self.backend.device}"


def guarded(call: Callable[[], Result]) -> Result:
    """What a call into a runtime returns.

    Raises:
        CaptionerError: it failed; a runtime's own errors, such as no memory, become one.
    """
    try:
        return call()
    except CaptionerError:
        raise
    except Exception as error:  # runtimes' errors share no base
        raise BackendError(described(error)) from error


def _load(loaders: Loaders) -> Loaded:
    """The first backend that loads.

    Raises:
        CaptionerError: none does; what the first one said.
    """
    first: CaptionerError | None = None
    for place, loader in enumerate(loaders):
        try:
            return place, guarded(loader), str(first or "")
        except CaptionerError as error:
            first = first or error
    raise first or BackendError("there is no other backend to fall back to")
