"""Backends in order of preference: the next takes over from one that fails."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from ros2_captioner.backends.background import LONGEST_PAUSE_S, Background
from ros2_captioner.backends.base import Backend
from ros2_captioner.errors import BackendError, CaptionerError, described

RETRY_S = 30.0

Loaders = Sequence[Callable[[], Backend]]
Loaded = tuple[int, Backend, list[CaptionerError]]


class Failover:
    """The backend in use, and the fallback when it fails.

    Args:
        loaders: best first; each loads a backend or raises.
        reason: why no better ones are among them.
        retry_s: seconds after a failure until a better backend is tried again, or the only one
            is reloaded once more. Between further tries of a better one the pause doubles, also
            where it loads, but fails again before it has worked for as long.
        patient: what loads them in the background, where it may take minutes, as the building of
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
        patient: Loaders | None = None,
    ) -> None:
        self.reason = reason
        self._loaders, self._patient, self._retry_s = loaders, patient or loaders, retry_s
        self._failed_s, self._pause_s = -math.inf, retry_s
        self._search: Background[Loaded] | None = None
        self._no_fallback = False
        self.trouble = ""
        self._take(_load(loaders), first_try_s=0.0)
        self._used_since_s = -math.inf  # so its first failure doubles no pause

    def replace(self, error: BackendError) -> None:
        """Fall back to the next backend after a failure; the last that loads is reloaded.

        Raises:
            BackendError: the same error, when the last was reloaded only just before.
            CaptionerError: nothing loads.
        """
        now_s = time.monotonic()
        if self._no_fallback and now_s - self._failed_s < self._retry_s:
            raise error
        self._failed_s = now_s
        # One that came back only to fail will do so again.
        worked = now_s - self._used_since_s >= self._pause_s
        self._pause_s = self._retry_s if worked else min(2 * self._pause_s, LONGEST_PAUSE_S)
        why = f"{self._in_use()} failed ({error})"
        place = self._place
        try:
            below, backend, _ = _load(self._loaders[place + 1 :])
        except CaptionerError:
            self._no_fallback, self.trouble = True, why
            self.backend = _load(self._loaders[place : place + 1])[1]
            self.trouble = f"{why}; reloaded"
        else:
            self._use(place + 1 + below, backend)
            self._fall_back(why, first_try_s=self._pause_s)

    def restore(self) -> None:
        """Go back to a better backend once it loads again; it loads in the background."""
        if self._search is None:
            return
        found = self._search.poll()
        if found is not None:
            self._take(found, first_try_s=self._retry_s)
        elif self._search.error:
            self._tell(self._search.error)

    def succeeded(self) -> None:
        """A batch went well: a failure that has not come again for a while is over."""
        if self._search is None and time.monotonic() - self._failed_s >= self._retry_s:
            self.trouble = ""

    def _take(self, loaded: Loaded, first_try_s: float) -> None:
        """Use what loaded; better ones that did not are told of and tried again."""
        place, backend, errors = loaded
        self._use(place, backend)
        if errors:
            self._fall_back(str(errors[0]), first_try_s)

    def _use(self, place: int, backend: Backend) -> None:
        self._place, self.backend, self._used_since_s = place, backend, time.monotonic()
        self._no_fallback = place + 1 == len(self._loaders)
        self._search, self.trouble = None, ""

    def _fall_back(self, why: str, first_try_s: float) -> None:
        better = self._patient[: self._place]
        self._search = Background(lambda: _load(better), self._pause_s, first_try_s)
        self._tell(why)

    def _tell(self, why: str) -> None:
        self.trouble = f"{why}; {self._in_use()} takes over"

    def _in_use(self) -> str:
        return f"{self.backend.name} on {self.backend.device}"


def load_one(loader: Callable[[], Backend]) -> Backend:
    """What a loader gives.

    Raises:
        CaptionerError: it failed; a runtime's own errors, such as no memory, become one.
    """
    try:
        return loader()
    except CaptionerError:
        raise
    except Exception as error:  # runtimes' errors share no base
        raise BackendError(described(error)) from error


def _load(loaders: Loaders) -> Loaded:
    """The place of the first backend that loads, itself, and why those before it did not.

    Raises:
        CaptionerError: none loads; what the first one said.
    """
    errors: list[CaptionerError] = []
    for place, loader in enumerate(loaders):
        try:
            return place, load_one(loader), errors
        except CaptionerError as error:
            errors.append(error)
    raise errors[0] if errors else BackendError("there is no other backend to fall back to")
