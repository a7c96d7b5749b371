"""Check a data set before training: what is missing, what is broken, what is in two splits.

python -m training.prepare --images data/coco --train data/coco/dataset_coco.json \\
    --val data/coco/dataset_coco.json
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import at_least_one, user_path
from ros2_captioner.command_line.text import in_line
from ros2_captioner.output_files import check_output, replace_file
from training.config.settings import ConfigError, DataConfig
from training.data.archives import unpack
from training.data.captions import CaptionedImage, listed, without_words
from training.data.image_check import Inspected, inspect, same_images
from training.data.words import frequent_words

_SHOWN = 5  # names of each fault that are printed


@dataclass
class Findings:
    """What is wrong with a data set.

    Attributes:
        folders: of the images of each split.
        faults: kind of fault to the places where it was found.
        unusable: split and path of images that must be left out of that split.
    """

    folders: dict[str, Path]
    faults: dict[str, list[str]] = field(default_factory=dict)
    unusable: set[tuple[str, Path]] = field(default_factory=set)

    def name(self, image: CaptionedImage, split: str) -> str:
        """An image below its folder; files in two folders may have the same name."""
        return str(image.path.relative_to(self.folders[split]))

    def add(self, kind: str, where: str) -> None:
        """Note one fault."""
        self.faults.setdefault(kind, []).append(where)

    def leave_out(self, kind: str, where: str, split: str, image: Path) -> None:
        """Note one fault for which a split loses an image."""
        self.add(kind, where)
        self.unusable.add((split, image))


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns 0 if the data can be trained on."""
    return _prepare(_parser().parse_args(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare",
        description="Decode every image of a captions data set and look for files that are "
        "missing, broken or too small, images without captions, captions without an image or "
        "without a word, and images that are listed twice or are in both splits (by a small "
        "version of each).",
    )
    parser.add_argument("--images", type=user_path, required=True, help="folder of the images")
    parser.add_argument(
        "--val-images", type=user_path, help="folder of the validation images; default: --images"
    )
    parser.add_argument(
        "--unzip", type=user_path, nargs="+", default=[], metavar="ZIP",
        help="archives, such as COCO's train2014.zip, that are unpacked into --images first",
    )  # fmt: skip
    parser.add_argument(
        "--train", type=user_path, required=True, help="COCO captions or Karpathy split JSON"
    )
    parser.add_argument(
        "--val", type=user_path, required=True, help="likewise; may be the same file"
    )
    parser.add_argument(
        "--min-side", type=at_least_one, default=64, metavar="PIXELS", help="default: %(default)s"
    )
    parser.add_argument(
        "--skip-to", type=user_path, metavar="JSON",
        help="write what is left when all faults are skipped, as a Karpathy split JSON for both "
        "sources, of training and validation; without it any fault is an error",
    )  # fmt: skip
    return parser


def _prepare(parsed: argparse.Namespace) -> int:
    if parsed.skip_to:
        check_output("--skip-to", parsed.skip_to, [parsed.train, parsed.val, *parsed.unzip])
    for archive in parsed.unzip:
        unpack(archive, parsed.images)
    folders = {"train": parsed.images, "val": parsed.val_images or parsed.images}
    files = {"train": parsed.train, "val": parsed.val}
    listings = {split: listed(file, folders[split], split) for split, file in files.items()}
    if parsed.skip_to:
        every = [image.path for images, _ in listings.values() for image in images]
        check_output("--skip-to", parsed.skip_to, every)
    findings, splits = Findings(folders), {}
    for split, (images, orphans) in listings.items():
        for caption in orphans:
            findings.add("caption without an image", f"{caption!r} in {files[split].name}")
        splits[split] = _inspected(
            split, _joined(split, images, findings), parsed.min_side, findings
        )
    _compare(splits["train"], splits["val"], findings)
    left = {
        split: [image for image, _ in found if (split, image.path) not in findings.unusable]
        for split, found in splits.items()
    }
    _report(left, splits, findings)
    empty = [split for split, images in left.items() if not images]
    if empty:
        raise ConfigError(f"no image is left in {' and '.join(empty)}; expected at least one")
    if parsed.skip_to:
        _write(left, folders, parsed.skip_to)
        return 0
    return 1 if findings.faults else 0


def _joined(
    split: str, images: Sequence[CaptionedImage], findings: Findings
) -> list[CaptionedImage]:
    """Each image once, with all that its entries say of it."""
    joined: dict[Path, CaptionedImage] = {}
    for image in images:
        first = joined.setdefault(image.path, image)
        if first is not image:
            findings.add("image listed twice", f"{findings.name(image, split)} ({split})")
            more = tuple(text for text in image.captions if text not in first.captions)
            joined[image.path] = dataclasses.replace(first, captions=first.captions + more)
    return list(joined.values())


InspectedSplit = list[tuple[CaptionedImage, Inspected]]


def _inspected(
    split: str, images: Sequence[CaptionedImage], min_side: int, findings: Findings
) -> InspectedSplit:
    """Every image of a split, without captions that hold no word, and what its file is like."""
    inspected = []
    files = inspect([image.path for image in images], min_side)
    for image, found in zip(images, files, strict=True):
        path, where = image.path, f"{findings.name(image, split)} ({split})"
        silent = without_words(image.captions)
        for text in silent:
            findings.add("caption without a word", f"{text!r} of {where}")
        kept = tuple(text for text in image.captions if text not in silent)
        if found.fault:
            kind = "missing image" if found.fault == "not there" else "unusable image"
            findings.leave_out(kind, f"{where}: {found.fault}", split, path)
        elif not kept:
            findings.leave_out("image without a caption", where, split, path)
        inspected.append((dataclasses.replace(image, captions=kept), found))
    return inspected


def _compare(train: InspectedSplit, val: InspectedSplit, findings: Findings) -> None:
    """Images of both splits; validation keeps them, training loses them."""
    usable = [
        [(image, found) for image, found in split if not found.fault] for split in (train, val)
    ]
    if not all(usable):
        return
    small = [np.stack([found.small for _, found in split]) for split in usable]
    for place, match in same_images(small[1], small[0]):
        in_train, in_val = usable[0][match][0], usable[1][place][0]
        same = f"{findings.name(in_train, 'train')} = {findings.name(in_val, 'val')}"
        findings.leave_out("same image in both splits", same, "train", in_train.path)


def _report(
    left: dict[str, list[CaptionedImage]], splits: dict[str, InspectedSplit], findings: Findings
) -> None:
    for split, images in left.items():
        sides = sorted(min(found.size) for _, found in splits[split] if not found.fault)
        captions = sum(len(image.captions) for image in images)
        print(
            f"{split}: {len(splits[split])} images listed, {len(images)} without fault, "
            f"{captions} captions, shorter side {sides[0]}-{sides[-1]} pixels"
            if sides else f"{split}: {len(splits[split])} images listed, none usable"
        )  # fmt: skip
    trained_on = [image.captions for image in left["train"]]
    words = len(frequent_words(trained_on, DataConfig.min_word_count))
    print(f"vocabulary: {words} words that occur {DataConfig.min_word_count} times or more")
    for kind, names in findings.faults.items():
        print(f"{kind}: {len(names)}")
        for name in names[:_SHOWN]:
            print(f"    {in_line(name)}")
        if len(names) > _SHOWN:
            print(f"    and {len(names) - _SHOWN} more")


def _write(left: dict[str, list[CaptionedImage]], folders: dict[str, Path], target: Path) -> None:
    entries = [
        entry for split, found in left.items() for entry in _entries(split, found, folders[split])
    ]
    replace_file(target, json.dumps({"images": entries}).encode())
    print(f"wrote {target}; name it as 'captions' of the sources under data.train and data.val")


def _entries(
    split: str, images: Sequence[CaptionedImage], folder: Path
) -> Iterator[dict[str, object]]:
    for image in images:
        path = image.path.relative_to(folder)
        yield {
            "filepath": str(path.parent),
            "filename": path.name,
            "split": split,
            "sentences": [{"raw": text} for text in image.captions],
        }


if __name__ == "__main__":
    sys.exit(main())
