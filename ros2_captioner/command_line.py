"""What commands of this package have in common: help, how they end, progress, output files."""

from __future__ import annotations

import argparse
import errno
import functools
import importlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ros2_captioner.errors import CaptionerError, OptionsError
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
    if error.errno in _NO_ROOM:  # files are named, see `writing`
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


def check_output(option: str, target: Path | str, others: Iterable[Path | str] = ()) -> None:
    """Refuse an output file that cannot be written, or that would destroy what must stay.

    Args:
        option: as typed, for messages.
        target: the file.
        others: what the command reads and what else it writes; need not be there.

    Raises:
        OptionsError: says what was found and what was expected.
    """
    path = Path(target)
    if os.path.isdir(target) or not path.name:
        raise OptionsError(f"{option}: {str(target)!r} is a folder; expected a file to write")
    if not path.parent.is_dir():
        raise OptionsError(
            f"{option}: found no folder {path.parent}; expected one, type: mkdir -p {path.parent}"
        )
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OptionsError(f"{option}: {path} may not be written; expected a file that you may")
    for other in others:
        if _same(path, Path(other)):
            raise OptionsError(
                f"{option}: {path} is the same file as {other}, which would be lost; expected "
                "another one"
            )


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        # What is written to a device or a pipe overwrites nothing.
        return one.is_file() and os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


@contextmanager
def writing(target: Path | str) -> Iterator[None]:
    """Where a file is written, a failure is told with its name.

    Raises:
        OSError: names the file as it was typed.
    """
    try:
        yield
    except OSError as error:
        raise OSError(
            f"cannot write {target}: {error.strerror or error}; expected a file that you may "
            "write, and room for it"
        ) from error


def replace_file(target: Path, content: bytes) -> None:
    """Write a file whole or not at all: what was there stays until the new one is complete.

    Raises:
        OSError: names the file.
    """
    with writing(target):
        if target.exists() and not target.is_file():  # a device or a pipe stays what it is
            target.write_bytes(content)
            return
        final = Path(os.path.realpath(target))
        beside = final.with_name(f".{final.name}.partial")
        try:
            beside.write_bytes(content)
            os.replace(beside, final)
        finally:
            beside.unlink(missing_ok=True)


def at_least_one(text: str) -> int:
    """A whole number for `argparse`, which says what it expected of anything else.

    Raises:
        argparse.ArgumentTypeError: it is none, zero or less.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {in_line(text)}; expected 1 or more")
    return number


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
