"""Captions of a recording as a table: JSON lines or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from ros2_captioner.recordings.journal import Moment

_COLUMNS = ("recording", "time_ns", "camera", "frame_id", "caption", "score", "confidence")


def write_jsonl(target: Path, recording: str, moments: Iterable[Moment]) -> None:
    """One object a line: the detail with ``recording`` and ``time_ns``."""
    with open(target, "w", encoding="utf-8") as stream:
        for moment in moments:
            row = {"recording": recording, "time_ns": moment.time_ns, **moment.detail}
            stream.write(f"{json.dumps(row, ensure_ascii=False)}\n")


def write_csv(target: Path, recording: str, moments: Iterable[Moment]) -> None:
    """One row a caption, with a head; what fits no cell is left out."""
    with open(target, "w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, _COLUMNS, extrasaction="ignore")
        table.writeheader()
        for moment in moments:
            table.writerow({"recording": recording, "time_ns": moment.time_ns, **moment.detail})
