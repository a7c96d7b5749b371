"""How commands end: with a status, and with one line about an error."""

from __future__ import annotations

import errno
import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import CaptionerError
from ros2_captioner.standard_streams import abandon_output, escape_output, open_standard_streams

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ENDING = (signal.SIGTERM, signal.SIGHUP)  # SIGHUP: the terminal was closed
INTERRUPTED = 130  # as a shell says of a process that SIGINT ended


def command(failed: int) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Decorate an entry point ``main(arguments)`` so that it ends as a command should.

    An error of this package or of the system is one line on stderr; Ctrl-C leaves no traceback; a
    reader that goes away, as ``| head`` does, is no error; characters that the output cannot show
    are escaped.

    Args:
        failed: status after an error.
    """

    def decorate(main: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(main)
        def run(arguments: Sequence[str] | None = None) -> int:
            open_standard_streams()
            escape_output()
            try:
                status = main(arguments)
                sys.stdout.flush()
            except BrokenPipeError:
                abandon_output()
                return 0
            except KeyboardInterrupt:
                if sys.stderr.isatty():  # behind "^C"
                    print(file=sys.stderr)
                return INTERRUPTED
            except (CaptionerError, OSError) as error:
                print(f"error: {in_line(_in_words(error))}", file=sys.stderr)
                _flush_or_abandon()
                return failed
            return status

        return run

    return decorate


def _flush_or_abandon() -> None:
    """From Python 3.14 on a full output keeps what did not fit, and would fail at the end again."""
    try:
        sys.stdout.flush()
    except OSError:
        abandon_output()


def _in_words(error: Exception) -> str:
    """An error of the system without its number, and with the file that it is of."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if error.errno in _NO_ROOM:  # files are named, see `writing`
        return f"cannot write to the standard output: {error.strerror}; expected room for it"
    return error.strerror


def clean_up_on_signals() -> None:
    """From now on SIGTERM and SIGHUP end this process as Ctrl-C does, which deletes its own files.

    By themselves they would leave what rosbags unpacked, which is as large as the recording, and
    the node that a benchmark started.
    """
    for number in _ENDING:
        if signal.getsignal(number) == signal.SIG_DFL:  # it is ignored after nohup
            signal.signal(number, _exit)


def _exit(number: int, _frame: Any) -> None:
    for each in _ENDING:  # another one would end the cleaning
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)  # as a shell says of a process that a signal ended


def run_command(module: str) -> int:
    """Import a module and run its ``main``; Ctrl-C leaves no traceback in the import either."""
    # Read when OpenCV loads: an error of ours is one line, OpenCV would add two of its own.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    try:
        main = importlib.import_module(module).main
    except KeyboardInterrupt:
        return INTERRUPTED
    return int(main())
