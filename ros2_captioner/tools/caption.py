"""``caption``: describe picture files on the command line; needs no ROS."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.backends.choice import BACKENDS, DEVICES, PRECISIONS
from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption
from ros2_captioner.errors import CaptionerError, FrameError
from ros2_captioner.figure import attention_figure, stacked
from ros2_captioner.images.files import read_image, write_image

Frame = NDArray[np.uint8]
_BATCH = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point.

    Returns:
        0, 1 if some pictures could not be read, 2 if nothing could be done.
    """
    parsed = _parser().parse_args(arguments)
    try:
        captioner = Captioner.load(parsed.model, parsed.backend, parsed.precision, parsed.device)
        options = dataclasses.replace(captioner.default_options(), **_changes(parsed))
        return _caption_all(captioner, options, parsed)
    except (CaptionerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output went away, as "| head" does
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="caption",
        description="Print a caption for each picture. One picture: the caption alone; several: "
        "one line each, 'picture: caption'. Unreadable pictures are named on stderr and skipped.",
    )
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="picture files")
    parser.add_argument("--beam-width", type=int, metavar="K", help="1-16 (default: the model's)")
    parser.add_argument("--length-penalty", type=float, metavar="A", help="0-3; higher: longer")
    parser.add_argument("--max-length", type=int, metavar="N", help="words at most")
    parser.add_argument(
        "--no-repeat-ngram", type=int, metavar="N", help="no N words in a row twice; 0 allows them"
    )
    parser.add_argument(
        "--alternatives", type=int, default=0, metavar="N", help="also print N further captions"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--explain", metavar="OUT.png", help="draw the attention of every word of every picture"
    )
    parser.add_argument("--model", default="", help="bundle directory (default: shipped model)")
    parser.add_argument("--backend", default="auto", choices=BACKENDS)
    parser.add_argument("--precision", default="auto", choices=PRECISIONS)
    parser.add_argument("--device", default="auto", choices=DEVICES)
    return parser


def _changes(parsed: argparse.Namespace) -> dict[str, Any]:
    """Options that the user gave; asking for alternatives widens a default beam to hold them."""
    given = {
        "beam_width": parsed.beam_width,
        "length_penalty": parsed.length_penalty,
        "max_length": parsed.max_length,
        "no_repeat_ngram": parsed.no_repeat_ngram,
        "num_alternatives": parsed.alternatives,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if parsed.beam_width is None and parsed.alternatives:
        changes["beam_width"] = max(DecodingOptions().beam_width, parsed.alternatives + 1)
    return changes


def _caption_all(captioner: Captioner, options: DecodingOptions, parsed: argparse.Namespace) -> int:
    # On a terminal the captions themselves show the progress.
    show_progress = len(parsed.pictures) > _BATCH and not sys.stdout.isatty()
    figures: list[Frame] = []
    done = 0
    for first in range(0, len(parsed.pictures), _BATCH):
        read = _read(parsed.pictures[first : first + _BATCH])
        batch = captioner.caption([frame for _, frame in read], options) if read else None
        for (path, frame), caption in zip(read, batch.captions if batch else (), strict=True):
            _print(path, caption, parsed)
            if parsed.explain:
                figures.append(attention_figure(frame, caption))
        done += len(read)
        if show_progress:
            tried = min(first + _BATCH, len(parsed.pictures))
            print(f"\r{tried}/{len(parsed.pictures)} pictures", end="", file=sys.stderr)
    if show_progress:
        print(file=sys.stderr)
    if figures:
        write_image(parsed.explain, stacked(figures))
    if not done:
        return 2
    return 0 if done == len(parsed.pictures) else 1


def _read(paths: Sequence[str]) -> list[tuple[str, Frame]]:
    """The readable pictures among the paths; the others are named on stderr."""
    read = []
    for path in paths:
        try:
            read.append((path, read_image(path)))
        except FrameError as error:
            print(f"error: {error}", file=sys.stderr)
    return read


def _print(path: str, caption: Caption, parsed: argparse.Namespace) -> None:
    if parsed.json:
        print(json.dumps({"picture": path, **_fields(caption)}, ensure_ascii=False), flush=True)
        return
    prefix = f"{Path(path)}: " if len(parsed.pictures) > 1 else ""
    print(f"{prefix}{caption.text}", flush=True)
    for other in caption.alternatives:
        print(f"{' ' * len(prefix)}{other.text} ({math.exp(other.score):.2f})", flush=True)


def _fields(caption: Caption) -> dict[str, object]:
    alternatives = [
        {"caption": other.text, "score": round(other.score, 4)} for other in caption.alternatives
    ]
    return {
        "caption": caption.text,
        "score": round(caption.score, 4),
        "alternatives": alternatives,
    }


if __name__ == "__main__":
    sys.exit(main())
