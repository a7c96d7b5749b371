"""COCO captions JSON and Karpathy split JSON to pictures with their captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary, tokenize
from training.config.settings import ConfigError
from training.data.annotations import read_listing


@dataclass(frozen=True)
class CaptionedPicture:
    """One picture and what is known of it.

    Attributes:
        path: of the picture file.
        captions: raw text, in file order; of some pictures none are known.
        objects: names of objects that are there, where they were listed by hand.
        absent: names of objects that are not there.
        weight: how often an epoch shows the picture.
        source: name of the source that it came from.
    """

    path: Path
    captions: tuple[str, ...] = ()
    objects: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    weight: float = 1.0
    source: str = ""


def captioned(file: Path, folder: Path, split: str) -> list[CaptionedPicture]:
    """The pictures of a split of a captions file, in file order.

    Raises:
        ConfigError: the file is of neither format, or a picture or its captions are missing.
    """
    pictures, _ = listed(file, folder, split)
    if not pictures:
        raise ConfigError(f"{file}: found no pictures of the split {split!r}; expected some")
    _check(pictures, file, folder)
    return pictures


def listed(file: Path, folder: Path, split: str) -> tuple[list[CaptionedPicture], list[str]]:
    """What a file lists, whether or not the pictures are there.

    Args:
        file: COCO captions JSON of one split, or Karpathy split JSON of all.
        folder: of the pictures.
        split: ``train``, ``val``, or ``test`` where the file knows it.

    Returns:
        The pictures in file order, and the captions that belong to none of them.

    Raises:
        ConfigError: the file is of neither format.
    """
    listing = read_listing(file, split)
    pictures = [CaptionedPicture(folder / name, tuple(texts)) for name, texts in listing.pictures]
    return pictures, listing.orphans


def without_words(captions: Iterable[str]) -> list[str]:
    """Those captions that hold nothing to learn or to score."""
    return [text for text in captions if not tokenize(text)]


def _check(pictures: list[CaptionedPicture], file: Path, folder: Path) -> None:
    bare = [picture.path.name for picture in pictures if not picture.captions]
    if bare:
        raise ConfigError(f"{file}: {len(bare)} pictures have no caption, e.g. {bare[0]}")
    silent = [text for picture in pictures for text in without_words(picture.captions)]
    if silent:
        raise ConfigError(
            f"{file}: {len(silent)} captions have no word, e.g. {silent[0]!r}; type python -m "
            "training.prepare, whose --skip-to writes a file without them"
        )
    absent = [picture.path.name for picture in pictures if not picture.path.is_file()]
    if absent:
        raise ConfigError(
            f"{file}: {len(absent)} of {len(pictures)} pictures are not in {folder}, "
            f"e.g. {absent[0]}; set the source's images to the folder that holds them"
        )


def frequent_words(captions: Iterable[Sequence[str]], min_count: int) -> list[str]:
    """Words that occur at least ``min_count`` times in all captions, most frequent first."""
    counts = Counter(word for group in captions for text in group for word in tokenize(text))
    kept = [word for word, count in counts.items() if count >= min_count]
    return sorted(kept, key=lambda word: (-counts[word], word))


def build_vocabulary(captions: Iterable[Sequence[str]], min_count: int) -> Vocabulary:
    """The words of captions that occur at least ``min_count`` times, most frequent first.

    Raises:
        ConfigError: there is none.
    """
    words = frequent_words(captions, min_count)
    if not words:
        raise ConfigError(
            f"no word occurs {min_count} times or more in the training captions; expected words "
            "to learn: lower data.min_word_count"
        )
    return Vocabulary([*SPECIAL_TOKENS, *words])
