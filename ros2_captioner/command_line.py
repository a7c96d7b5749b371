"""What every command of this package has in common: help, version, how it ends, and progress."""

from __future__ import annotations

import argparse
import errno
import functools
import importlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ros2_captioner.errors import CaptionerError
from ros2_captioner.options import declarations
from ros2_captioner.standard_streams import abandon_output, escape_output, open_standard_streams
from ros2_captioner.version import VERSION

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
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
                return failed
            return status

        return run

    return decorate


def _in_words(error: Exception) -> str:
    """An error of the system without its number, and with the file that it is of."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if error.errno in _NO_ROOM:  # files are named, see `ros2_captioner.output_files.writing`
        return f"cannot write to the standard output: {error.strerror}; expected room for it"
    return error.strerror


def run_command(module: str) -> int:
    """Import a module and run its ``main``; Ctrl-C leaves no traceback in the import either."""
    # Read when OpenCV loads: an error of ours is one line, OpenCV would add two of its own.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    try:
        main = importlib.import_module(module).main
    except KeyboardInterrupt:
        return INTERRUPTED
    return int(main())


def in_line(text: str) -> str:
    """A text with what is no text escaped: control characters, and bytes that are not UTF-8."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


class Progress:
    """One line on stderr that is overwritten in place; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._shown = False

    def show(self, text: str) -> None:
        """Put the text in the place of what was there, cut to the terminal's width."""
        if sys.stderr.isatty():
            self._shown = True
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{in_line(text)[:width]}\x1b[K", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = False


def command_parser(name: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """A parser that also answers ``--version``; the epilog keeps its line breaks."""
    parser = argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"{name} (ros2_captioner {VERSION})"
    parser.add_argument("--version", action="version", version=version)
    return parser


def check_node_arguments(
    name: str, description: str, settings: Any, arguments: Sequence[str]
) -> None:
    """Answer ``--help`` and ``--version`` of a node, refuse all but ROS's own arguments.

    Args:
        name: of the executable.
        description: one sentence.
        settings: the node's declared options, which the help lists; None if it has none.
        arguments: without the program's name.

    Raises:
        SystemExit: help or version was printed, or an argument is unknown (status 2).
    """
    parameters = "".join(
        f"  {each.name} ({each.type_name}, {each.typed_default}): {each.description}\n"
        for each in (declarations(settings) if settings else ())
    )
    epilog = "ROS's own arguments follow --ros-args: -p NAME:=VALUE, --params-file, -r FROM:=TO\n"
    if parameters:
        epilog += f"\nparameters:\n{parameters}"
    parser = command_parser(name, description, epilog)
    parser.usage = f"{name} [-h] [--version] [--ros-args ...]"
    parser.parse_args(without_ros_arguments(arguments))


def without_ros_arguments(arguments: Sequence[str]) -> list[str]:
    """What does not stand between ``--ros-args`` and ``--`` or the end."""
    own: list[str] = []
    for_ros = False
    for argument in arguments:
        if argument == "--ros-args":
            for_ros = True
        elif for_ros and argument == "--":
            for_ros = False
        elif not for_ros:
            own.append(argument)
    return own
