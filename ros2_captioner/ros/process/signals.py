"""SIGINT, SIGTERM and SIGHUP wake one thread; whatever they interrupt continues.

rclpy's own handlers may run in any thread while another one destroys something, and shut ROS down
beneath calls in progress. Python's handler only writes a byte to a pipe.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # SIGHUP: the terminal was closed
_BUSY_S = 1.5  # in which the main thread begins to clean up, unless something holds it
_ONE_PRESS_S = 1.0  # Ctrl-C below `ros2 launch` arrives twice: from the terminal and from launch
_LAST_CHANCE_S = 0.5  # to end cleanly after a later signal, see `_waited`
_SLICE_S = 0.1


def _exit() -> None:
    """Nothing has begun, so nothing needs to be cleaned up."""
    os._exit(0)


_action: Callable[[], None] = _exit
_cleaning_up = threading.Event()
_cleaned_up = threading.Event()


def wait_for_signals() -> None:
    """Until `on_signal` says otherwise a signal ends the process at once, with status 0."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as of nohup
            signal.signal(number, lambda number, frame: None)
    threading.Thread(target=_wait, args=(reader,), name="signals", daemon=True).start()


def on_signal(action: Callable[[], None]) -> None:
    """What the first signal does, in a thread of its own.

    The process ends with status 0 if `clean_up` is not called soon after it, as the main thread
    may be loading a model for minutes. A signal that comes a second later or more ends it at once.
    """
    global _action
    _action = action


def clean_up() -> None:
    """Tell that the main thread has heard the signal and needs its time."""
    _cleaning_up.set()


def ignore_signals() -> None:
    """From now on to the very end of the process, where Python would let them kill it."""
    _cleaned_up.set()
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _wait(reader: int) -> None:
    os.read(reader, 1)
    begun_s = time.monotonic()
    _action()
    threading.Thread(
        target=_escalate, args=(reader, begun_s), name="escalation", daemon=True
    ).start()
    if not _waited(_cleaning_up, _BUSY_S):
        _end(0, "ended in the midst of a transition or a callback")


def _escalate(reader: int, begun_s: float) -> None:
    while not _cleaned_up.is_set():
        number = os.read(reader, 1)[0]
        late = time.monotonic() - begun_s > _ONE_PRESS_S
        if late and not _waited(_cleaned_up, _LAST_CHANCE_S):
            _end(128 + number, "ended without cleaning up")


def _waited(event: threading.Event, limit_s: float) -> bool:
    """Wait for an event, and return whether it came.

    In slices: a call into DDS may keep every Python thread from running for seconds, and that
    must not use up the time of the main thread, nor make signals of one press look far apart.
    """
    return any(event.wait(_SLICE_S) for _ in range(round(limit_s / _SLICE_S)))


def _end(status: int, why: str) -> None:
    try:
        print(why, file=sys.stderr, flush=True)
    finally:  # also where nobody reads that any more
        os._exit(status)
