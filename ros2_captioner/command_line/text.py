"""Texts that come from outside, as they are shown in a terminal or in a log."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def in_line(text: str) -> str:
    """A text with what is no text escaped: control characters, and bytes that are not UTF-8."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)
