"""``captioner_watch``: a terminal view of the captioner's cameras and captions; works over ssh."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from std_msgs.msg import String

_PERIOD_S = 0.5
_CLEAR = "\x1b[H\x1b[J"
_PLAIN, _BOLD = "\x1b[0m", "\x1b[1m"
_LEVELS = {
    DiagnosticStatus.OK: ("OK", "\x1b[32m"),
    DiagnosticStatus.WARN: ("WARN", "\x1b[33m"),
    DiagnosticStatus.ERROR: ("ERROR", "\x1b[31m"),
    DiagnosticStatus.STALE: ("STALE", "\x1b[90m"),
}
_SHOWN_AT_MODEL = ("name", "precision", "backend", "device", "latency p50 (ms)", "latency p95 (ms)")


class Watch(Node):
    """Redraws the terminal twice a second; into a pipe it prints a line for each caption."""

    def __init__(self) -> None:
        super().__init__("captioner_watch")
        self._statuses: dict[str, DiagnosticStatus] = {}
        self._captions: dict[str, str] = {}
        self._terminal = sys.stdout.isatty()
        self.create_subscription(DiagnosticArray, "/diagnostics", self._keep_statuses, 10)
        self.create_subscription(String, "scene_caption/detail", self._keep_caption, 10)
        if self._terminal:
            self.create_timer(_PERIOD_S, self._draw)

    def _keep_statuses(self, message: DiagnosticArray) -> None:
        self._statuses |= {
            status.name: status for status in message.status if "captioner: " in status.name
        }

    def _keep_caption(self, message: String) -> None:
        detail = json.loads(message.data)
        self._captions[detail["camera"]] = detail["caption"]
        if not self._terminal:
            print(f"{detail['camera']}: {detail['caption']}", flush=True)

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns
        view = render(list(self._statuses.values()), self._captions, width, colour=True)
        print(_CLEAR + view, flush=True)


def render(
    statuses: Sequence[Any], captions: Mapping[str, str], width: int, *, colour: bool
) -> str:
    """The view as text.

    Args:
        statuses: DiagnosticStatus of the model and the cameras.
        captions: the newest of each camera.
        width: of the terminal, in characters.
        colour: write ANSI colours.
    """
    if not statuses:
        return "waiting for a captioner on /diagnostics"
    # The model first, then its cameras.
    ordered = sorted(statuses, key=lambda s: (not s.name.endswith(": model"), s.name))
    lines: list[str] = []
    for status in ordered:
        subject = status.name.split(": ", 1)[1]
        values = {value.key: value.value for value in status.values}
        word, paint = _LEVELS[status.level]
        label = f"{paint}{word:5}{_PLAIN}" if colour else f"{word:5}"
        title = f"{_BOLD}{subject}{_PLAIN}" if colour else subject
        lines += [f"{label} {title}", *_indented(status.message, width)]
        lines += _indented(_facts(subject, values), width)
        if subject in captions:
            lines += _indented(f"> {captions[subject]}", width)
        lines.append("")
    return "\n".join(lines)


def _facts(subject: str, values: Mapping[str, str]) -> str:
    if subject == "model":
        shown = [f"{key} {values[key]}" for key in _SHOWN_AT_MODEL if values.get(key)]
        return ", ".join([*shown, f"peak memory {values['peak memory (MiB)']} MiB"])
    dropped = [
        f"{key.removeprefix('dropped: ')} {count}"
        for key, count in values.items()
        if key.startswith("dropped: ")
    ]
    counts = f"{values['received']} received, {values['captioned']} captioned"
    return f"{counts}, dropped: {', '.join(dropped)}" if dropped else counts


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, max(20, width - 1), initial_indent=" " * 6, subsequent_indent=" " * 8
    )
