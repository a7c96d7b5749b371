"""COCO captions JSON and Karpathy split JSON to images with their captions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ros2_captioner.vocabulary import tokenize
from training.config.settings import ConfigError
from training.data.annotations import read_listing


@dataclass(frozen=True)
class CaptionedImage:
    """One image and what is known of it.

    Attributes:
        path: of the image file.
        captions: raw text, in file order; of some images none are known.
        objects: names of objects that are there, where they were listed by hand.
        absent: names of objects that are not there.
        weight: how often an epoch shows the image.
        source: name of the source that it came from.
    """

    path: Path
    captions: tuple[str, ...] = ()
    objects: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    weight: float = 1.0
    source: str = ""


def captioned(file: Path, folder: Path, split: str) -> list[CaptionedImage]:
    """The images of a split of a captions file, in file order.

    Raises:
        ConfigError: the file is of neither format, or an image has no caption or a wordless one.
    """
    images, _ = listed(file, folder, split)
    if not images:
        raise ConfigError(f"{file}: found no images of the split {split!r}; expected some")
    _check(images, file)
    return images


def listed(file: Path, folder: Path, split: str) -> tuple[list[CaptionedImage], list[str]]:
    """What a file lists, whether or not the images are there.

    Args:
        file: COCO captions JSON of one split, or Karpathy split JSON of all.
        folder: of the images.
        split: ``train``, ``val``, or ``test`` where the file knows it.

    Returns:
        The images in file order, and the captions that belong to none of them.

    Raises:
        ConfigError: the file is of neither format.
    """
    listing = read_listing(file, split)
    images = [CaptionedImage(folder / name, tuple(texts)) for name, texts in listing.images]
    return images, listing.orphans


def without_words(captions: Iterable[str]) -> list[str]:
    """Those captions that hold nothing to learn or to score."""
    return [text for text in captions if not tokenize(text)]


def _check(images: list[CaptionedImage], file: Path) -> None:
    bare = [image.path.name for image in images if not image.captions]
    silent = [text for image in images for text in without_words(image.captions)]
    for found, what in ((bare, "images have no caption"), (silent, "captions have no word")):
        if found:
            raise ConfigError(
                f"{file}: {len(found)} {what}, e.g. {found[0]!r}; type python -m "
                "training.prepare, whose --skip-to writes a file without them"
            )
