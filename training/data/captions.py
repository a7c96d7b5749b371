"""COCO captions JSON and Karpathy split JSON to pictures with their captions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary, tokenize
from training.config.settings import ConfigError, DataConfig


@dataclass(frozen=True)
class CaptionedPicture:
    """One picture and its reference captions.

    Attributes:
        path: of the picture file.
        captions: raw text, in file order.
    """

    path: Path
    captions: tuple[str, ...]


def read_split(config: DataConfig, split: str) -> list[CaptionedPicture]:
    """The pictures of ``train`` or ``val``, in file order.

    Raises:
        ConfigError: the file is of neither format, or a picture or its captions are missing.
    """
    file = Path(config.captions_train if split == "train" else config.captions_val)
    folder = Path(config.images if split == "train" else config.val_images or config.images)
    pictures, _ = listed(file, folder, split)
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
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read captions from {file}: {error}") from error
    try:
        if isinstance(tree, dict) and "annotations" in tree:
            return _from_coco(tree, folder)
        if isinstance(tree, dict) and "sentences" in (tree.get("images") or [{}])[0]:
            return _from_karpathy(tree, folder, split), []
        found = f"the keys {sorted(tree)}" if isinstance(tree, dict) else f"a {type(tree).__name__}"
    except KeyError as error:  # COCO's instances and keypoints look much alike
        found = f"an entry without {error}"
    raise ConfigError(
        f"{file}: found {found}; expected COCO captions (images, annotations) or a Karpathy split "
        "(images with sentences and split), such as COCO's captions_train2014.json"
    )


def _from_coco(tree: dict[str, Any], folder: Path) -> tuple[list[CaptionedPicture], list[str]]:
    captions: dict[int, list[str]] = {}
    for annotation in tree["annotations"]:
        captions.setdefault(annotation["image_id"], []).append(annotation["caption"])
    pictures = [
        CaptionedPicture(folder / image["file_name"], tuple(captions.pop(image["id"], ())))
        for image in tree["images"]
    ]
    return pictures, [text for texts in captions.values() for text in texts]


def _from_karpathy(tree: dict[str, Any], folder: Path, split: str) -> list[CaptionedPicture]:
    # Karpathy's "restval" is the part of COCO val that everybody trains on.
    wanted = {"train", "restval"} if split == "train" else {split}
    return [
        CaptionedPicture(
            folder / image.get("filepath", "") / image["filename"],
            tuple(sentence["raw"] for sentence in image["sentences"]),
        )
        for image in tree["images"]
        if image["split"] in wanted
    ]


def _check(pictures: list[CaptionedPicture], file: Path, folder: Path) -> None:
    if not pictures:
        raise ConfigError(f"{file}: found no pictures of this split")
    bare = [picture.path.name for picture in pictures if not picture.captions]
    if bare:
        raise ConfigError(f"{file}: {len(bare)} pictures have no caption, e.g. {bare[0]}")
    absent = [picture.path.name for picture in pictures if not picture.path.is_file()]
    if absent:
        raise ConfigError(
            f"{file}: {len(absent)} of {len(pictures)} pictures are not in {folder}, "
            f"e.g. {absent[0]}; set data.images to the folder that holds them"
        )


def build_vocabulary(pictures: Iterable[CaptionedPicture], min_count: int) -> Vocabulary:
    """Words that occur at least ``min_count`` times, most frequent first."""
    counts = Counter(
        word for picture in pictures for text in picture.captions for word in tokenize(text)
    )
    kept = [word for word, count in counts.items() if count >= min_count]
    kept.sort(key=lambda word: (-counts[word], word))
    return Vocabulary([*SPECIAL_TOKENS, *kept])
