"""``captioner_watch``: a terminal view of all captioners and their cameras; works over ssh."""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from std_msgs.msg import String

from ros2_captioner.errors import CaptionerError
from ros2_captioner.standard_streams import abandon_output

_PERIOD_S = 0.5
_PATIENCE_S = 10.0  # for discovery, also on a busy machine
_DETAIL, _STRING = "/scene_caption/detail", "std_msgs/msg/String"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_PLAIN, _BOLD = "\x1b[0m", "\x1b[1m"
_LEVELS = {
    DiagnosticStatus.OK: ("OK", "\x1b[32m"),
    DiagnosticStatus.WARN: ("WARN", "\x1b[33m"),
    DiagnosticStatus.ERROR: ("ERROR", "\x1b[31m"),
    DiagnosticStatus.STALE: ("STALE", "\x1b[90m"),
}
_SHOWN_AT_MODEL = ("name", "precision", "backend", "device", "latency p50 (ms)", "latency p95 (ms)")
_MEMORY, _COUNTS = "peak memory (MiB)", ("received", "captioned")  # tell a captioner's statuses
_OLD_S, _GONE_S = 3.0, 60.0  # a captioner reports once a second
_LONGEST = 1000  # characters of a text that are shown
_REMEMBERED = 100  # captions, of which each may come on several topics


class Watch(Node):
    """Redraws the terminal twice a second; into a pipe it prints a line for each caption."""

    def __init__(self) -> None:
        super().__init__("captioner_watch")
        self._board = Board()
        self._terminal = sys.stdout.isatty()
        self._topics: set[str] = set()
        self._patient_until_s = time.monotonic() + _PATIENCE_S
        self.create_subscription(DiagnosticArray, "/diagnostics", self._keep_statuses, 10)
        self._find_captions()
        self.create_timer(_PERIOD_S, self._turn)

    def _find_captions(self) -> None:
        """Listen to the captions of every captioner, whatever its name and namespace."""
        for topic, kinds in self.get_topic_names_and_types():
            if topic.endswith(_DETAIL) and _STRING in kinds and topic not in self._topics:
                self._topics.add(topic)
                self.create_subscription(String, topic, self._keep_detail, 10)

    def _keep_statuses(self, message: DiagnosticArray) -> None:
        self._board.keep_statuses(message.status, time.monotonic())

    def _keep_detail(self, message: String) -> None:
        line = self._board.keep_detail(message.data, time.monotonic())
        if line and not self._terminal:
            self._print(f"{line}\n")

    def _turn(self) -> None:
        self._find_captions()
        if not self._terminal:
            self._say_what_it_waits_for()
            return
        width, height = shutil.get_terminal_size()
        view = self._board.view(width, height, time.monotonic())
        lines = "".join(f"{line}{_REST_OF_LINE}\n" for line in view.splitlines())
        self._print(f"{_HOME}{lines}{_REST_OF_SCREEN}")

    def _say_what_it_waits_for(self) -> None:
        """Say it once, on stderr, where no captioner is found; a terminal shows it anyway."""
        if self._patient_until_s < time.monotonic() and not self._topics:
            self._patient_until_s = math.inf
            self.get_logger().info(f"waiting for captions on topics that end in {_DETAIL}")

    def _print(self, text: str) -> None:
        try:
            print(text, end="", flush=True)
        except BrokenPipeError:
            abandon_output()
            rclpy.try_shutdown()
        except OSError as error:  # such as a full disk
            abandon_output()
            raise CaptionerError(f"cannot write to the output: {error.strerror}") from error


class Board:
    """What was heard of captioners, and when; whatever else is said on the topics is ignored."""

    def __init__(self) -> None:
        self._statuses: dict[str, tuple[DiagnosticStatus, float]] = {}
        self._captions: dict[str, tuple[str, float]] = {}
        self._seen: deque[tuple[object, ...]] = deque(maxlen=_REMEMBERED)

    def keep_statuses(self, statuses: Sequence[DiagnosticStatus], now_s: float) -> None:
        """Keep those that a captioner published; ``/diagnostics`` is everybody's."""
        for status in statuses:
            keys = {value.key for value in status.values}
            if ": " in status.name and (_MEMORY in keys or keys.issuperset(_COUNTS)):
                self._statuses[status.name] = (status, now_s)

    def keep_detail(self, text: str, now_s: float) -> str:
        """Keep a caption; returns it as a line, empty if it was heard before or is none."""
        try:
            detail = json.loads(text)
            camera, caption = detail["camera"], detail["caption"]
            stamp = json.dumps(detail.get("stamp"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return ""
        if not isinstance(camera, str) or not isinstance(caption, str):
            return ""
        self._captions[camera] = (caption[:_LONGEST], now_s)
        if (camera, stamp, caption) in self._seen:
            return ""
        self._seen.append((camera, stamp, caption))
        return _printable(f"{camera}: {caption}")

    def view(self, width: int, height: int, now_s: float, *, colour: bool = True) -> str:
        """The view at a time, see `render`; what is not heard of any more turns STALE."""
        self._statuses = {
            name: kept for name, kept in self._statuses.items() if now_s - kept[1] <= _GONE_S
        }
        self._captions = {
            camera: kept for camera, kept in self._captions.items() if now_s - kept[1] <= _GONE_S
        }
        statuses = [_aged(status, now_s - at_s) for status, at_s in self._statuses.values()]
        captions = {
            camera: caption if now_s - at_s < _OLD_S else f"{caption} ({now_s - at_s:.0f} s ago)"
            for camera, (caption, at_s) in self._captions.items()
        }
        return render(statuses, captions, width, colour=colour, height=height)


def _aged(status: DiagnosticStatus, age_s: float) -> DiagnosticStatus:
    if age_s < _OLD_S:
        return status
    return DiagnosticStatus(
        level=DiagnosticStatus.STALE,
        name=status.name,
        message=f"nothing heard for {age_s:.0f} s; last: {status.message}",
        values=status.values,
    )


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
        captions: the newest of each camera.
        width: of the terminal, in characters.
        colour: write ANSI colours.
        height: of the terminal, in lines; where the view is higher, each status is one line.
    """
    if not statuses:
        return "waiting for a captioner on /diagnostics"[:width]
    # A captioner's model first, then its cameras.
    ordered = sorted(statuses, key=lambda status: _order(status.name))
    several = len({_node(status.name) for status in statuses}) > 1
    blocks = [list(_block(status, captions, width, colour, several)) for status in ordered]
    lines = [line for block in blocks for line in (*block, "")]
    if len(lines) < height:
        return "\n".join(lines)
    short = [_line(status, captions, width, colour, several) for status in ordered]
    if len(short) < height:
        return "\n".join(short)
    shown = max(0, height - 2)
    return "\n".join([*short[:shown], f"and {len(short) - shown} more"[:width]])


def _node(name: str) -> str:
    return name.partition(": ")[0]


def _subject(name: str) -> str:
    return name.partition(": ")[2]


def _order(name: str) -> tuple[str, bool, str]:
    return _node(name), _subject(name) != "model", name


def _title(status: Any, several: bool) -> str:
    return _printable(status.name if several else _subject(status.name))


def _label(status: Any, colour: bool) -> str:
    word, paint = _LEVELS.get(status.level, ("?", _PLAIN))
    return f"{paint}{word:5}{_PLAIN}" if colour else f"{word:5}"


def _block(
    status: Any, captions: Mapping[str, str], width: int, colour: bool, several: bool
) -> Iterator[str]:
    title = _title(status, several)[: width - 6]
    yield (
        f"{_label(status, colour)} {_BOLD}{title}{_PLAIN}"
        if colour
        else (f"{_label(status, colour)} {title}")
    )
    yield from _indented(status.message, width)
    subject = _subject(status.name)
    yield from _indented(_facts(subject, status), width)
    if subject in captions:
        yield from _indented(f"> {captions[subject]}", width)


def _line(status: Any, captions: Mapping[str, str], width: int, colour: bool, several: bool) -> str:
    caption = captions.get(_subject(status.name))
    said = f"{status.message} > {caption}" if caption else status.message
    text = f"{_title(status, several)} {_printable(said)}"
    return f"{_label(status, colour)} {text[: max(0, width - 6)]}"


def _facts(subject: str, status: Any) -> str:
    values = {value.key: value.value for value in status.values}
    if subject == "model":
        shown = [f"{key} {values[key]}" for key in _SHOWN_AT_MODEL if values.get(key)]
        return ", ".join([*shown, f"peak memory {values.get(_MEMORY, '?')} MiB"])
    dropped = [
        f"{key.removeprefix('dropped: ')} {count}"
        for key, count in values.items()
        if key.startswith("dropped: ")
    ]
    counts = ", ".join(f"{values.get(key, '?')} {key}" for key in _COUNTS)
    return f"{counts}, dropped: {', '.join(dropped)}" if dropped else counts


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        _printable(text), max(20, width - 1), initial_indent=" " * 6, subsequent_indent=" " * 8
    )


def _printable(text: str) -> str:
    """What others wrote, without a control sequence that the terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST])
