"""What failed and why, in words; failures that cost no frame are kept for ``/diagnostics``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rclpy.impl.rcutils_logger import RcutilsLogger

from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import FrameError, described

_WARNING_PERIOD_S = 5.0


@contextmanager
def frame_step(name: str) -> Iterator[None]:
    """A step in the life of a frame, e.g. ``conversion``; whatever fails in it is a `FrameError`.

    Raises:
        FrameError: with the reason that the frame's own error gives, else ``conversion_failed``
            and so on.
    """
    try:
        yield
    except FrameError:
        raise
    except Exception as error:
        reason = f"{name}_failed"
        raise FrameError(reason, f"{name.replace('_', ' ')} failed: {described(error)}") from error


class ThrottledLog:
    """Warnings and errors, a line each, each subject at most every five seconds.

    rclpy's own throttle counts a line of code, so one subject would silence the others.

    Args:
        logger: the node's logger.
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._last_s: dict[str, float] = {}

    def warning(self, subject: str, message: str) -> None:
        """Log a message, unless the subject had one just before."""
        if self._due(subject):
            self._logger.warning(in_line(message))

    def error(self, subject: str, message: str) -> None:
        """Log a message, unless the subject had one just before."""
        if self._due(subject):
            self._logger.error(in_line(message))

    def _due(self, subject: str) -> bool:
        now_s = time.monotonic()
        due = now_s - self._last_s.get(subject, -_WARNING_PERIOD_S) >= _WARNING_PERIOD_S
        if due:
            self._last_s[subject] = now_s
        return due


class Faults:
    """Failures of the node's own work, which it survives.

    Args:
        logger: the node's logger.

    Attributes:
        newest: the last one in words; empty if there was none.
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        self._log = ThrottledLog(logger)
        self.newest = ""
        self._fresh = False

    @contextmanager
    def survived(self, work: str) -> Iterator[None]:
        """Report what fails inside, and go on after it."""
        try:
            yield
        except Exception as error:  # the boundary of a callback: none may end the node
            self.newest, self._fresh = f"{work} failed: {described(error)}", True
            self._log.error(work, self.newest)

    def surviving(self, work: str, callback: Callable[[], None]) -> Callable[[], None]:
        """The callback, with `survived` around it."""

        def guarded() -> None:
            with self.survived(work):
                callback()

        return guarded

    def fresh(self) -> str:
        """What failed since the last call; empty if nothing did."""
        found = self.newest if self._fresh else ""
        self._fresh = False
        return found
