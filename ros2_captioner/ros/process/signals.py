"""SIGINT and SIGTERM wake one thread; whatever they interrupt continues.

rclpy's own handlers may run in any thread while another one destroys something, and shut ROS down
beneath calls in progress. Python's handler only writes a byte to a pipe.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _exit() -> None:
    """Nothing has begun, so nothing needs to be cleaned up."""
    os._exit(0)


_action: Callable[[], None] = _exit


def wait_for_signals() -> None:
    """Until `on_signal` says otherwise a signal ends the process at once, with status 0."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in _SIGNALS:
        signal.signal(number, lambda number, frame: None)
    threading.Thread(target=_wait, args=(reader,), name="signals", daemon=True).start()


def on_signal(action: Callable[[], None]) -> None:
    """What the first signal does, in a thread of its own; later ones do nothing."""
    global _action
    _action = action


def ignore_signals() -> None:
    """From now on to the very end of the process, where Python would let them kill it."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _wait(reader: int) -> None:
    os.read(reader, 1)
    _action()
