"""What a terminal understands."""

from __future__ import annotations

import os
import shutil
from typing import TextIO


def moves_its_cursor(stream: TextIO) -> bool:
    """Whether a stream is a terminal that obeys escape sequences; one without a name may not."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def shows_colours() -> bool:
    """Whether colours are wanted: NO_COLOR is not set, see https://no-color.org."""
    return not os.environ.get("NO_COLOR")


def terminal_size() -> tuple[int, int]:
    """Columns and lines; 80 and 24 of one that has no size, as a serial console of a robot.

    Python does so itself only from 3.11 on.
    """
    columns, lines = shutil.get_terminal_size()
    return columns or 80, lines or 24
