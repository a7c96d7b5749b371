"""What a terminal understands."""

from __future__ import annotations

import os
from typing import TextIO


def moves_its_cursor(stream: TextIO) -> bool:
    """Whether a stream is a terminal that obeys escape sequences; one without a name may not."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def shows_colours() -> bool:
    """Whether colours are wanted: NO_COLOR is not set, see https://no-color.org."""
    return not os.environ.get("NO_COLOR")
