"""What was heard of captioners, and for how long it holds."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus

from ros2_captioner.captions import in_percent
from ros2_captioner.ros.watch.view import COUNTS, LONGEST, MEMORY, printable, render

_OLD_S, _GONE_S = 3.0, 60.0  # a captioner reports once a second
_REMEMBERED = 100  # captions, of which each may come on several topics


class Board:
    """What was heard of captioners, and when; whatever else is said on the topics is ignored."""

    def __init__(self) -> None:
        self._statuses: dict[str, tuple[DiagnosticStatus, float]] = {}
        self._captions: dict[str, tuple[str, float]] = {}
        self._captioners: set[str] = set()
        self._seen: deque[int] = deque(maxlen=_REMEMBERED)  # hashes: texts may be long

    def keep_statuses(self, statuses: Sequence[DiagnosticStatus], now_s: float) -> None:
        """Keep those that a captioner published; ``/diagnostics`` is everybody's."""
        for status in statuses:
            keys = {value.key for value in status.values}
            if ": " in status.name and (MEMORY in keys or keys.issuperset(COUNTS)):
                self._statuses[status.name] = (status, now_s)

    def keep_detail(self, text: str, now_s: float) -> str:
        """Keep a caption; returns it as a line, empty if it was heard before or is none."""
        try:
            detail = json.loads(text)
            camera, caption = detail["camera"], detail["caption"]
            node, confidence = detail.get("node"), detail.get("confidence")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return ""
        if not isinstance(camera, str) or not isinstance(caption, str):
            return ""
        subject = camera
        if isinstance(node, str):
            subject = f"{node.lstrip('/')}: {camera}"
            self._captioners.add(node)
        caption = caption[:LONGEST]
        if isinstance(confidence, int | float) and 0 <= confidence <= 1:
            caption += f" ({in_percent(confidence)})"  # min_confidence may have kept it back
        self._captions[subject] = (caption, now_s)
        # By all that it says: cameras that do not stamp their frames see the same again.
        if hash(text) in self._seen:
            return ""
        self._seen.append(hash(text))
        several = len(self._captioners) > 1
        return printable(f"{subject if several else camera}: {caption}")

    def view(self, width: int, height: int, now_s: float, *, colour: bool) -> str:
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
