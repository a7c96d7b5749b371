"""The parsers of commands, and the kinds of their arguments."""

from __future__ import annotations

import argparse
import os
import textwrap
from pathlib import Path
from typing import NoReturn

from ros2_captioner.command_line.text import in_line
from ros2_captioner.version import VERSION


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


def user_path(text: str) -> Path:
    """A path, where ``~`` may have come unexpanded, as shells leave it in ``--output=~/out``.

    Raises:
        argparse.ArgumentTypeError: it is empty, as of a variable that is not set: to pathlib that
            is the current folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("found an empty path; expected a file or a folder")
    return Path(os.path.expanduser(text))


class _Parser(argparse.ArgumentParser):
    """Tells where an argument must stand that an option of several values takes for its own."""

    def error(self, message: str) -> NoReturn:
        last = self._get_positional_actions()[-1:]
        greedy = [
            each.option_strings[0] for each in self._get_optional_actions() if each.nargs == "+"
        ]
        if last and greedy and message.endswith(f" {last[0].metavar}"):
            message += f" (before {greedy[0]}, which takes all that follows it)"
        super().error(message)


class _Lines(argparse.HelpFormatter):
    """Wraps each line of a description or an epilog by itself; an indented one goes on deeper."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(self._filled(line, width) for line in text.splitlines())

    def _filled(self, line: str, width: int) -> str:
        deeper = 2 * line[: -len(line.lstrip())]
        return textwrap.fill(
            line, width, subsequent_indent=deeper, break_long_words=False, break_on_hyphens=False
        )


def command_parser(name: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """A parser that also answers ``--version``; the epilog keeps its line breaks."""
    parser = _Parser(prog=name, description=description, epilog=epilog, formatter_class=_Lines)
    version = f"{name} (ros2_captioner {VERSION})"
    parser.add_argument("--version", action="version", version=version)
    return parser
