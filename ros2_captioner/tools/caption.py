"""``caption``: describe image files on the command line; needs no ROS."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Sequence
from os.path import expanduser
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.beam_search import MAX_BEAM_WIDTH, DecodingOptions
from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption, alternatives_json, caption_json
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import command_parser
from ros2_captioner.command_line.progress import Progress
from ros2_captioner.command_line.text import in_line
from ros2_captioner.drawing.figure import attention_figure, stacked
from ros2_captioner.errors import CaptionerError, FrameError, OptionsError
from ros2_captioner.images.bag_path import BAG_SUFFIXES, METADATA
from ros2_captioner.images.containers import cut_short
from ros2_captioner.images.files import check_image_suffix, read_image, write_image
from ros2_captioner.options import Declaration, declarations
from ros2_captioner.output_files import check_output, replace_file
from ros2_captioner.recordings.sampling import Sampling
from ros2_captioner.recordings.subtitles import as_srt, as_vtt
from ros2_captioner.recordings.video_captions import video_cues
from ros2_captioner.tools.model_arguments import add_model_arguments, load_captioner, model_files

Frame = NDArray[np.uint8]
_BATCH = 8
_EVERY_S = 1.0
_MOST_EXPLAINED = 200  # images, in one figure: each takes some 7 MiB until it is written
_VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})
_SEARCH = declarations(DecodingOptions)


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point.

    Returns:
        0, 1 if some images could not be captioned or a video was cut, 2 if nothing could be done.
    """
    parsed = _parser().parse_args(arguments)
    _check_outputs(parsed)
    sampling = _sampling(parsed)
    captioner = load_captioner(parsed)
    defaults = captioner.default_options()
    options = dataclasses.replace(defaults, **_changes(parsed, defaults.beam_width))
    if sampling is not None:
        return _write_subtitles(captioner, options, sampling, parsed)
    return _caption_all(captioner, options, parsed)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "caption",
        "Print a caption for each image. One image: the caption alone; several: "
        "one line each, 'image: caption'. Unreadable images are named on stderr and skipped.",
    )
    parser.add_argument(
        "images",
        nargs="+",
        type=expanduser,
        metavar="IMAGE",
        help="image files; with --vtt or --srt one video",
    )
    for declaration in _SEARCH:
        _add_search_option(parser, declaration)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--explain",
        type=expanduser,
        metavar="OUT.png",
        help=f"draw the attention of every word of every image ({_MOST_EXPLAINED} at most)",
    )
    parser.add_argument(
        "--vtt", type=expanduser, metavar="OUT.vtt", help="subtitles of one video, as WebVTT"
    )
    parser.add_argument("--srt", type=expanduser, metavar="OUT.srt", help="the same as SubRip")
    parser.add_argument(
        "--every",
        type=float,
        metavar="SECONDS",
        help="of a video, from one captioned frame to the next; 0 takes all (default: 1)",
    )
    add_model_arguments(parser)
    return parser


def _add_search_option(parser: argparse.ArgumentParser, declaration: Declaration) -> None:
    name = declaration.name.removeprefix("num_").replace("_", "-")
    allowed = "" if declaration.low is None else f", {declaration.low:g}-{declaration.high:g}"
    parser.add_argument(
        f"--{name}",
        dest=declaration.name,
        help=f"{declaration.description}{allowed} (default: the model's)",
        **declaration.argument(),
    )


def _changes(parsed: argparse.Namespace, beam_width: int) -> dict[str, Any]:
    """Options that the user gave; asking for alternatives widens a default beam to hold them."""
    given = {each.name: getattr(parsed, each.name) for each in _SEARCH}
    changes = {name: value for name, value in given.items() if value is not None}
    if parsed.beam_width is None and parsed.num_alternatives:
        wider = min(parsed.num_alternatives + 1, MAX_BEAM_WIDTH)
        changes["beam_width"] = max(beam_width, wider)
    return changes


def _check_outputs(parsed: argparse.Namespace) -> None:
    """Refuse files that cannot be written before the captions that they are for are made."""
    kept = [*parsed.images, *model_files(parsed.model)]
    for option in ("explain", "vtt", "srt"):
        target = getattr(parsed, option)
        if target is not None:
            check_output(f"--{option}", target, kept)
            kept.append(target)
    if parsed.explain:
        check_image_suffix(parsed.explain)
        if len(parsed.images) > _MOST_EXPLAINED:
            raise OptionsError(
                f"--explain: found {len(parsed.images)} images; expected at most "
                f"{_MOST_EXPLAINED}, which one figure shows"
            )


def _sampling(parsed: argparse.Namespace) -> Sampling | None:
    """Which frames of the video become subtitles; None without --vtt and --srt."""
    if not parsed.vtt and not parsed.srt:
        if parsed.every is not None:
            raise OptionsError("found --every without --vtt and --srt; expected one of them")
        return None
    if parsed.json or parsed.explain:
        raise OptionsError("found --json or --explain with --vtt or --srt; expected images alone")
    if len(parsed.images) != 1:
        raise OptionsError(
            f"found {len(parsed.images)} files; expected one video with --vtt or --srt"
        )
    return Sampling(_EVERY_S if parsed.every is None else parsed.every)


def _write_subtitles(
    captioner: Captioner, options: DecodingOptions, sampling: Sampling, parsed: argparse.Namespace
) -> int:
    progress = Progress()
    try:
        cues = video_cues(
            parsed.images[0],
            captioner,
            options,
            sampling,
            lambda seconds: progress.show(f"{seconds:.0f} s of {parsed.images[0]}"),
        )
    finally:
        progress.clear()
    failed = 0
    for target, as_text in ((parsed.vtt, as_vtt), (parsed.srt, as_srt)):
        if target:
            try:
                replace_file(Path(target), as_text(cues).encode())
            except OSError as error:  # the other one is not lost
                failed = 2
                _print_error(str(error), progress)
    if fault := cut_short(parsed.images[0]):
        _print_error(f"{fault}. The subtitles end where it does", progress)
    return failed or int(bool(fault))


def _caption_all(captioner: Captioner, options: DecodingOptions, parsed: argparse.Namespace) -> int:
    progress = Progress()
    # On a terminal the captions themselves show the progress.
    shows_progress = len(parsed.images) > _BATCH and not sys.stdout.isatty()
    figures: list[Frame] = []
    done = 0
    try:
        for first in range(0, len(parsed.images), _BATCH):
            batch = parsed.images[first : first + _BATCH]
            for path, frame, caption in _captioned(captioner, options, batch, progress):
                done += 1
                if parsed.explain:
                    figures.append(attention_figure(frame, caption))
                _print(path, caption, parsed)
            if shows_progress:
                progress.show(f"{first + len(batch)}/{len(parsed.images)} images")
    finally:  # where nobody reads the captions any more, as behind `head -1`, figures stay
        progress.clear()
        if figures:
            write_image(parsed.explain, stacked(figures))
    if not done:
        return 2
    return 0 if done == len(parsed.images) else 1


def _captioned(
    captioner: Captioner, options: DecodingOptions, paths: Sequence[str], progress: Progress
) -> list[tuple[str, Frame, Caption]]:
    """Images with their captions; what cannot be captioned is named on stderr."""
    read = []
    for path in paths:
        try:
            read.append((path, read_image(path)))
        except FrameError as error:
            _print_error(f"{error}{_advice(path)}", progress)
    if not read:
        return []
    try:
        captions = captioner.caption([frame for _, frame in read], options).captions
    except CaptionerError as error:
        _print_error(f"{', '.join(path for path, _ in read)}: {error}", progress)
        return []
    return [(*pair, caption) for pair, caption in zip(read, captions, strict=True)]


def _advice(path: str) -> str:
    """What captions a file that is no image."""
    suffix = Path(path).suffix
    if suffix.lower() in _VIDEO_SUFFIXES:
        return "; for the subtitles of a video, add --vtt OUT.vtt"
    if suffix in BAG_SUFFIXES or os.path.isfile(os.path.join(path, METADATA)):
        return f"; for a recording, type: caption_bag {shlex.quote(path)}"
    return ""


def _print_error(message: str, progress: Progress) -> None:
    progress.clear()
    print(f"error: {in_line(message)}", file=sys.stderr)


def _print(path: str, caption: Caption, parsed: argparse.Namespace) -> None:
    if parsed.json:
        alternatives = alternatives_json(caption)
        row = {"picture": path, **caption_json(caption), "alternatives": alternatives}
        print(json.dumps(row), flush=True)  # ASCII alone: JSON whatever the output can show
        return
    prefix = f"{in_line(str(Path(path)))}: " if len(parsed.images) > 1 else ""
    print(f"{prefix}{in_line(caption.text)}", flush=True)
    for other in caption.alternatives:
        print(f"{' ' * len(prefix)}{in_line(other.text)} (score {other.score:.2f})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
