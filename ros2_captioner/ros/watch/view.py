"""What the terminal shows, as text."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from ros2_captioner.command_line.text import SECOND_CELL, cut, in_cells

LONGEST = 1000  # characters of a text that are shown
MEMORY, COUNTS = "peak memory (MiB)", ("received", "captioned")  # tell a captioner's statuses
_PLAIN, _BOLD = "\x1b[0m", "\x1b[1m"
_LEVELS = {  # the worst first
    DiagnosticStatus.ERROR: ("ERROR", "\x1b[31m"),
    DiagnosticStatus.STALE: ("STALE", "\x1b[90m"),
    DiagnosticStatus.WARN: ("WARN", "\x1b[33m"),
    DiagnosticStatus.OK: ("OK", "\x1b[32m"),
}
_SHOWN_AT_MODEL = ("name", "precision", "backend", "device", "latency p50 (ms)", "latency p95 (ms)")


def render(
    statuses: Sequence[Any],
    captions: Mapping[str, str],
    width: int,
    *,
    colour: bool,
    height: int = sys.maxsize,
) -> str:
    """The view as text.

    Args:
        statuses: DiagnosticStatus of the models and the cameras.
        captions: the newest of each camera, under the name of its status, as several captioners
            may have the camera, or under its topic, where it is not known whose caption it is.
        width: of the terminal, in cells.
        colour: write ANSI colours.
        height: of the terminal, in lines; where the view is higher, the counts are left out, then
            each status is one line, and where these are too many, the best are left out.
    """
    return "\n".join(_lines(statuses, captions, width, colour, height)).replace(SECOND_CELL, "")


def _lines(
    statuses: Sequence[Any], captions: Mapping[str, str], width: int, colour: bool, height: int
) -> list[str]:
    if not statuses:
        return ["waiting for a captioner on /diagnostics"[:width]]
    # A captioner's model first, then its cameras.
    ordered = sorted(statuses, key=lambda status: _order(status.name))
    several = len({_node(status.name) for status in statuses}) > 1
    for counts in (True, False):
        blocks = [_block(status, captions, width, colour, several, counts) for status in ordered]
        lines = [line for block in blocks for line in (*block, "")]
        if len(lines) < height:
            return lines
    short = [_line(status, captions, width, colour, several) for status in ordered]
    if len(short) < height:
        return short
    shown = max(0, height - 2)
    worst = sorted(range(len(short)), key=lambda place: _severity(ordered[place]))[:shown]
    kept = [short[place] for place in sorted(worst)]
    return [*kept, f"and {len(short) - shown} more"[:width]]


def _node(name: str) -> str:
    return name.partition(": ")[0]


def _subject(name: str) -> str:
    return name.partition(": ")[2]


def _order(name: str) -> tuple[str, bool, str]:
    return _node(name), _subject(name) != "model", name


def _severity(status: Any) -> int:
    """Lower is worse."""
    levels = list(_LEVELS)
    return levels.index(status.level) if status.level in levels else 0


def _title(status: Any, several: bool) -> str:
    return in_cells(printable(status.name if several else _subject(status.name)))


def _label(status: Any, colour: bool) -> str:
    word, paint = _LEVELS.get(status.level, ("?", _PLAIN))
    return f"{paint}{word:5}{_PLAIN}" if colour else f"{word:5}"


def _block(
    status: Any,
    captions: Mapping[str, str],
    width: int,
    colour: bool,
    several: bool,
    counts: bool,
) -> Iterator[str]:
    label, title = _label(status, colour), cut(_title(status, several), width - 6)
    yield f"{label} {_BOLD}{title}{_PLAIN}" if colour else f"{label} {title}"
    yield from _indented(status.message, width)
    if counts:
        yield from _indented(_facts(status), width)
    caption = _caption(status, captions)
    if caption is not None:
        yield from _indented(f"> {caption}", width)


def _line(status: Any, captions: Mapping[str, str], width: int, colour: bool, several: bool) -> str:
    caption = _caption(status, captions)
    subject = _subject(status.name)  # the title says it
    message = status.message.removeprefix(f"{subject} ").removeprefix(f"{subject}: ")
    said = f"{message} > {caption}" if caption else message
    text = f"{_title(status, several)} {in_cells(printable(said))}"
    return f"{_label(status, colour)} {cut(text, width - 6)}"


def _caption(status: Any, captions: Mapping[str, str]) -> str | None:
    return captions.get(status.name.lstrip("/"), captions.get(_subject(status.name)))


def _facts(status: Any) -> str:
    values = {value.key: value.value for value in status.values}
    if _subject(status.name) == "model":
        shown = [f"{key} {values[key]}" for key in _SHOWN_AT_MODEL if values.get(key)]
        return ", ".join([*shown, f"peak memory {values.get(MEMORY, '?')} MiB"])
    dropped = [
        f"{key.removeprefix('dropped: ')} {count}"
        for key, count in values.items()
        if key.startswith("dropped: ")
    ]
    counts = ", ".join(f"{values.get(key, '?')} {key}" for key in COUNTS)
    return f"{counts}, dropped: {', '.join(dropped)}" if dropped else counts


def _indented(text: str, width: int) -> list[str]:
    # A cell less than there is, as a wide character may be split between two lines.
    return textwrap.wrap(
        in_cells(printable(text)),
        max(20, width - 1),
        initial_indent=" " * 6,
        subsequent_indent=" " * 8,
    )


def printable(text: str) -> str:
    """What others wrote, without a control sequence that the terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:LONGEST])
