"""How often a sentence that a person wrote finds its image by the captions of the model.

``python -m benchmarks.search CAPTIONS.jsonl ANNOTATIONS.json`` takes what ``caption --json`` prints
and sentences in COCO's format. Hits among the first ten of `CaptionIndex`, beside those of plain
word overlap.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import at_least_one, user_path
from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings.rows import caption_rows
from ros2_captioner.recordings.search import CaptionIndex
from training.data.captions import listed

_FIRST = 10
_SEED = 0


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Print both figures, for one sentence each of some images and for all sentences."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("captions", type=user_path)
    parser.add_argument("annotations", type=user_path)
    parser.add_argument("--images", type=at_least_one, default=50, help="default: %(default)s")
    parsed = parser.parse_args(arguments)
    sentences = _sentences(parsed.annotations)
    captions = _captions(parsed.captions)
    missing = sorted(sentences.keys() - {name for name, _ in captions})
    if missing:  # each would count as not found
        raise OptionsError(
            f"found no caption of {len(missing)} images in {parsed.captions}, e.g. {missing[0]}; "
            f"expected one of every image of {parsed.annotations}"
        )
    index = CaptionIndex([parsed.captions])
    choice = random.Random(_SEED)
    some = [
        (image, choice.choice(sentences[image]))
        for image in choice.sample(sorted(sentences), min(parsed.images, len(sentences)))
    ]
    every = [(image, text) for image, texts in sentences.items() for text in texts]
    for queries in (some, every):
        found = sum(image in _found(index, text) for image, text in queries)
        overlap = sum(image in _overlapping(captions, text) for image, text in queries)
        print(f"{len(queries)} sentences: caption_find {found}, word overlap {overlap}")
    index.close()
    return 0


def _sentences(file: Path) -> dict[str, tuple[str, ...]]:
    """Sentences by the name of the image's file, of images that have any."""
    images, _ = listed(file, Path(), "val")
    return {image.path.name: image.captions for image in images if image.captions}


def _captions(file: Path) -> list[tuple[str, set[str]]]:
    """Name of each image and words of its caption."""
    return [
        (Path(row["picture"]).name, _words(row["caption"]))
        for _, row in caption_rows(file)
        if "picture" in row
    ]


def _found(index: CaptionIndex, text: str) -> list[str]:
    return [Path(hit.row["picture"]).name for hit in index.find(text, _FIRST)]


def _overlapping(captions: list[tuple[str, set[str]]], text: str) -> list[str]:
    ranked = sorted(captions, key=lambda caption: -len(_words(text) & caption[1]))
    return [name for name, _ in ranked[:_FIRST]]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


if __name__ == "__main__":
    sys.exit(main())
