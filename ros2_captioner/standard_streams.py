"""Standard input, output and error, also where whoever started the process closed them."""

from __future__ import annotations

import io
import os
import sys


def open_standard_streams() -> None:
    """Connect to the null device what is closed, as after ``>&-``; best before anything is opened.

    Otherwise the next file or pipe would take its place, and what is meant for the terminal would
    go there; and Python's ``sys.stdout`` would be None.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (to the end)


def escape_output() -> None:
    """From now on what the output's alphabet lacks is escaped instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def abandon_output() -> None:
    """Its reader went away; what is left in the buffer must not be tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
