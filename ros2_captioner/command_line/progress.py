"""How far a command is, on a terminal."""

from __future__ import annotations

import sys

from ros2_captioner.command_line.terminal import terminal_size
from ros2_captioner.command_line.text import SECOND_CELL, cut, in_cells, in_line


class Progress:
    """One line on stderr that is overwritten in place; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._shown = False

    def show(self, text: str) -> None:
        """Put the text in the place of what was there, cut to the terminal's width."""
        if sys.stderr.isatty():
            self._shown = True
            width = terminal_size()[0] - 1
            # Blanks, as a dumb terminal shows an escape sequence as text.
            line = f"{cut(in_cells(in_line(text)), width):{width}}".replace(SECOND_CELL, "")
            print(f"\r{line}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self.show("")
            print("\r", end="", file=sys.stderr, flush=True)
            self._shown = False
