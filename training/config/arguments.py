"""What command lines have in common."""

from __future__ import annotations

import argparse


def at_least_one(text: str) -> int:
    """A number for ``argparse``, which says what it expected instead of zero or less."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {number}; expected 1 or more")
    return number
