"""Texts that come from outside, as they are shown in a terminal or in a log."""

from __future__ import annotations

import re
import unicodedata

SECOND_CELL = "\0"  # of a wide character, such as Chinese ones, while texts are cut and wrapped
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def in_line(text: str) -> str:
    """A text with what is no text escaped: control characters, and bytes that are not UTF-8.

    Those of writing direction too: they show a name, and what follows it, in another order.
    """
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def in_cells(text: str) -> str:
    """A text with a letter for each cell that it takes in a terminal, `SECOND_CELL` for some."""
    return "".join(
        letter + SECOND_CELL * (unicodedata.east_asian_width(letter) in "WF") for letter in text
    )


def cut(text: str, width: int) -> str:
    """What of a text in cells fits a width, without the first cell of a wide character."""
    fits = max(0, width)
    return text[: fits - text.startswith(SECOND_CELL, fits)]
