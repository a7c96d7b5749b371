"""``caption_bag``: caption the cameras of a recording; needs no ROS."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from operator import itemgetter
from pathlib import Path

from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import command_parser, user_path
from ros2_captioner.command_line.progress import Progress
from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import OptionsError
from ros2_captioner.images.bag import ImageBag
from ros2_captioner.output_files import (
    LOCK,
    check_output,
    make_empty,
    only_writer,
    unfinished,
    writing,
)
from ros2_captioner.recordings.bag_captions import BagCaptions
from ros2_captioner.recordings.bag_copy import CaptionedBag
from ros2_captioner.recordings.journal import Journal
from ros2_captioner.recordings.subtitles import as_vtt, joined
from ros2_captioner.recordings.tables import write_csv, write_jsonl
from ros2_captioner.tools.model_arguments import add_model_arguments, load_captioner, runtime_of
from ros2_captioner.tools.sampling_arguments import add_sampling_arguments, sampling_of

_SUFFIXES = {"bag": "_captioned", "jsonl": ".jsonl", "csv": ".csv", "vtt": ".vtt"}
_MOST_NAMED = 10  # broken messages of a camera; one that sends no pictures has a thousand a minute
_JOURNAL, _PARTIAL = "journal.jsonl", "output"  # in the folder of a run


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point.

    Returns:
        0, 1 if some messages were passed over, 2 if nothing could be done.
    """
    parsed = _parser().parse_args(arguments)
    source = Path(os.path.expanduser(parsed.bag))
    # Not Path.resolve, which raises of a link to itself.
    output = parsed.output or Path(f"{os.path.realpath(source)}{_SUFFIXES[parsed.format]}")
    _check_suffix(output, parsed.format)
    _check_new(output)
    check_output("--output", output)
    work = unfinished(output)
    _check_work(work)
    sampling = sampling_of(parsed)
    bag = ImageBag(parsed.bag, parsed.topics)
    partial = work / _PARTIAL / output.name
    copy = CaptionedBag(source, list(bag.types), partial) if parsed.format == "bag" else None
    report = _Report(bag.messages_total)
    captions = BagCaptions(bag, load_captioner(parsed), sampling, report.refused, report.advanced)
    work.mkdir(exist_ok=True)
    with only_writer(work, output):
        _check_new(output)  # another run may have ended meanwhile
        journal = captions.journal(work / _JOURNAL, runtime_of(parsed))
        try:
            captions.write(journal)
        finally:  # an error has a line of its own
            report.clear()
        with writing(output):
            make_empty(work / _PARTIAL)  # its own, as an output may have any name
            if copy:
                copy.write(journal.moments())
            else:
                _write_table(parsed.format, partial, bag, journal)
            _check_new(output)  # hours may have passed
            os.replace(partial, output)
        count = sum(1 for _ in journal.moments())
    shutil.rmtree(work)  # NFS deletes no folder while a file of it is open, as the lock's was
    report.end(count, output)
    return 1 if report.faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "caption_bag",
        "Caption the image topics of a rosbag2 recording. Repeat the command to resume an "
        "interrupted run. Messages that are no images are named on stderr and passed over.",
    )
    parser.add_argument("bag", metavar="BAG", help="folder of the recording, or its one file")
    parser.add_argument(
        "--output",
        type=user_path,
        metavar="NEW",
        help="what is written (default: beside the bag)",
    )
    add_sampling_arguments(parser)
    parser.add_argument(
        "--format",
        default="bag",
        choices=_SUFFIXES,
        help="the recording with captions (default), a table, or subtitles",
    )
    add_model_arguments(parser)
    return parser


def _check_suffix(output: Path, form: str) -> None:
    """Hours later a bag of the name captions.jsonl would be there."""
    meant = next((each for each, suffix in _SUFFIXES.items() if suffix == output.suffix), form)
    if meant != form:
        raise OptionsError(
            f"found --output {output} with --format {form}; expected --format {meant}, or a name "
            "that ends otherwise"
        )


def _check_new(output: Path) -> None:
    if os.path.lexists(output):
        raise OptionsError(f"{output} is already there; delete it or give another --output")


def _check_work(work: Path) -> None:
    """Refuse to take what is no interrupted run for one: it would be deleted in the end."""
    free = not os.path.lexists(work) or (work.is_dir() and {*os.listdir(work)} <= {LOCK})
    if not free and not (work / _JOURNAL).is_file():
        raise OptionsError(
            f"{work} is in the way; expected nothing there, or the folder of an interrupted run. "
            "Move it, or give another --output"
        )


def _write_table(form: str, target: Path, bag: ImageBag, journal: Journal) -> None:
    name = Path(os.path.realpath(bag.path)).name
    if form == "jsonl":
        write_jsonl(target, name, journal.moments())
    elif form == "csv":
        write_csv(target, name, journal.moments())
    else:
        # Files of a bag may overlap, and its metadata may tell a later start.
        said = ((m.time_ns, m.camera, m.detail["caption"]) for m in journal.moments())
        captions = sorted(said, key=itemgetter(0))
        start_ns = min([bag.start_ns, *(time_ns for time_ns, _, _ in captions[:1])])
        seconds = (((time_ns - start_ns) * 1e-9, camera, t) for time_ns, camera, t in captions)
        end_s = (bag.end_ns - start_ns) * 1e-9
        cues = joined(seconds, end_s, name_speakers=len(bag.types) > 1)
        target.write_text(as_vtt(cues), encoding="utf-8")


class _Report:
    """What the user sees: faults, and on a terminal how far it is."""

    def __init__(self, total: int) -> None:
        self.faults: Counter[str] = Counter()
        self._total = total
        self._begun_s = time.monotonic()
        self._progress = Progress()

    def refused(self, topic: str, message: str) -> None:
        self.faults[topic] += 1
        if self.faults[topic] <= _MOST_NAMED:
            self._progress.clear()
            last = "; of more only the number is told" * (self.faults[topic] == _MOST_NAMED)
            print(in_line(f"passed over: {topic} {message}{last}"), file=sys.stderr)

    def advanced(self, count: int) -> None:
        spent_s = time.monotonic() - self._begun_s
        left = timedelta(seconds=round(spent_s / count * max(0, self._total - count)))
        self._progress.show(f"{count}/{self._total} messages, {left} left")

    def clear(self) -> None:
        self._progress.clear()

    def end(self, captions: int, output: Path) -> None:
        faults = "".join(
            f", {count} broken messages on {topic} passed over"
            for topic, count in self.faults.items()
        )
        print(in_line(f"{output}: {captions} captions{faults}"))


if __name__ == "__main__":
    sys.exit(main())
