"""``caption_find``: find moments of recordings by what their captions say."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import at_least_one, command_parser, user_path
from ros2_captioner.command_line.text import in_line
from ros2_captioner.output_files import check_output
from ros2_captioner.recordings.page import check_page, write_page
from ros2_captioner.recordings.rows import place, sureness
from ros2_captioner.recordings.search import CaptionIndex


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point.

    Returns:
        0, 1 if nothing was found, 2 if the captions cannot be read.
    """
    parsed = _parser().parse_args(arguments)
    if parsed.pictures is not None:
        tables = [table for path in parsed.captions for table in path.glob("*.parquet")]
        check_output("--pictures", parsed.pictures, [*parsed.captions, *tables])
        check_page(parsed.pictures)
    index = CaptionIndex(parsed.captions)
    hits = index.find(parsed.query, parsed.limit)
    index.close()
    try:
        for hit in hits:
            print(in_line(f"{place(hit.row)}  {hit.row['caption']}  ({sureness(hit.row)})"))
    finally:  # where nobody reads all lines, as behind `head`, the page is written all the same
        if parsed.pictures is not None:
            write_page(parsed.pictures, parsed.query, hits)
    if hits:
        return 0
    print("no caption has any of these words", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "caption_find",
        "Rank moments by words, by their synonyms and by the objects that the model saw: best "
        "first, one line each, with place, time, sentence and how sure the model was.",
    )
    parser.add_argument("query", metavar="WORDS", help='for example "dog near a car"')
    parser.add_argument(
        "captions",
        nargs="+",
        type=user_path,
        metavar="CAPTIONS",
        help="as caption_bag --format jsonl and caption --json write them, or caption_fleet's "
        "folder",
    )
    parser.add_argument(
        "--pictures",
        type=user_path,
        metavar="OUT.html",
        help="also write a page with the pictures, which are looked for beside the captions, then "
        "where the command runs",
    )
    parser.add_argument("--limit", type=at_least_one, default=10, metavar="N", help="(default: 10)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
