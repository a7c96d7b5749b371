"""Start this package's nodes as processes, and end them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STOP_TIMEOUT_S = 10.0

Child = subprocess.Popen[bytes]


def stay_on_this_machine() -> None:
    """Let this process and its children find nobody beyond it, unless the user chose a range."""
    if os.environ.get("ROS_DISTRO") == "humble":  # of which the others have the newer name
        os.environ.setdefault("ROS_LOCALHOST_ONLY", "1")
    else:
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def start_node(name: str, parameters: Mapping[str, Any], started: list[Child]) -> Child:
    """Run one of the entry points of `ros2_captioner.ros.executables` with these parameters.

    It is appended to ``started`` before a signal can interrupt the caller, so that none is lost.
    """
    # Ctrl-C reaches children too. Blocked until it is handled, it leaves no traceback at any time.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM]); "
        f"from ros2_captioner.ros.executables import {name}; {name}()"
    )
    command = [sys.executable, "-c", program, "--ros-args"]
    for parameter, value in parameters.items():
        command += ["-p", f"{parameter}:={_as_yaml(value)}"]
    with _signals_held():
        started.append(subprocess.Popen(command))
    return started[-1]


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let the signals wait, in this process and in the children that it starts meanwhile.

    A mask goes on to the children, but keeps nothing from this process's other threads (of DDS),
    and Python's handlers run in the main thread whichever takes the signal: so they wait as well.
    """
    held: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    handlers = {
        number: signal.signal(number, lambda number, frame: held.append(number))
        for number in _SIGNALS
    }
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for waiting in held:
            signal.raise_signal(waiting)


def _as_yaml(value: Any) -> str:
    """A value as ROS reads it: JSON's own escape of an emoji is a pair, which is no YAML."""
    return json.dumps(value, ensure_ascii=False).encode("ascii", "backslashreplace").decode()


def stop_nodes(children: Iterable[Child]) -> None:
    """Terminate them all, then wait; one that does not end is killed."""
    children = list(children)
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
