"""``caption_find``: find moments of recordings by what their captions say."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ros2_captioner.command_line import command, command_parser
from ros2_captioner.recordings.search import CaptionIndex


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point.

    Returns:
        0, 1 if nothing was found, 2 if the captions cannot be read.
    """
    parser = command_parser(
        "caption_find",
        "Rank moments by words, by their synonyms and by the objects that the model saw: best "
        "first, one line each, with place, time, sentence and how sure the model was.",
    )
    parser.add_argument("query", metavar="WORDS", help='for example "dog near a car"')
    parser.add_argument(
        "captions",
        nargs="+",
        type=Path,
        metavar="CAPTIONS.jsonl",
        help="as caption_bag --format jsonl and caption --json write them",
    )
    parser.add_argument("--limit", type=int, default=10, metavar="N", help="(default: 10)")
    parsed = parser.parse_args(arguments)
    index = CaptionIndex(parsed.captions)
    hits = index.find(parsed.query, parsed.limit)
    index.close()
    for hit in hits:
        print(_line(hit.row))
    return 0 if hits else 1


def _line(row: dict[str, Any]) -> str:
    sure = row.get("confidence")
    told = f"score {row['score']}" if sure is None else f"confidence {sure:.0%}"
    return f"{_place(row)}  {row['caption']}  ({told})"


def _place(row: dict[str, Any]) -> str:
    if "picture" in row:
        return str(row["picture"])
    time = datetime.fromtimestamp(row["time_ns"] // 10**6 / 1000, timezone.utc)
    return f"{row['recording']}  {row['camera']}  {time.isoformat(timespec='milliseconds')}"


if __name__ == "__main__":
    sys.exit(main())
