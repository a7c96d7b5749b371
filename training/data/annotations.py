"""COCO captions JSON and Karpathy split JSON: what a file lists, every entry checked."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from training.config.settings import ConfigError
from training.config.shown import shown

# Karpathy's "restval" is the part of COCO val that everybody trains on.
_SPLITS = {"train": "train", "restval": "train", "val": "val", "test": "test"}
_LONGEST_NAME, _LONGEST_PATH = 255, 2048  # bytes


@dataclass
class Listing:
    """What a file lists of a split.

    Attributes:
        images: path below the folder of images, and captions, of each entry in file order;
            two entries may name one image.
        orphans: captions of images that are not listed.
    """

    images: list[tuple[str, list[str]]] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)


def read_listing(file: Path, split: str) -> Listing:
    """Read a COCO captions JSON of one split, or a Karpathy split JSON of all.

    Args:
        file: in UTF-8, UTF-16 or UTF-32, with a byte order mark or without.
        split: ``train``, ``val`` or ``test``; a COCO file is taken for either of the first two.

    Raises:
        ConfigError: the file is of neither format, or a COCO file of which ``test`` is asked;
            names the entry at fault.
    """
    try:
        tree = json.loads(file.read_bytes())  # finds out the encoding
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"cannot read captions from {file}: {error}; expected COCO captions or a Karpathy "
            "split, in JSON, such as his dataset_flickr8k.json in place of Flickr8k.token.txt"
        ) from error
    if isinstance(tree, dict) and isinstance(tree.get("images"), list):
        if "annotations" in tree:
            if split == "test":
                raise ConfigError(
                    f"{file}: found COCO captions, which do not tell test images from others; "
                    "expected a Karpathy split to score 'test' on"
                )
            return _from_coco(tree, file)
        if any(isinstance(image, dict) and "sentences" in image for image in tree["images"]):
            return _from_karpathy(tree, file, split)
    found = f"the keys {sorted(tree)}" if isinstance(tree, dict) else f"a {type(tree).__name__}"
    raise ConfigError(
        f"{file}: found {found}; expected COCO captions (images, annotations) or a Karpathy split "
        "(images with sentences and split), such as COCO's captions_train2014.json"
    )


def _from_coco(tree: dict[str, Any], file: Path) -> Listing:
    names: dict[int | str, str] = {}
    listing = Listing()
    captions: dict[int | str, list[str]] = {}
    for place, annotation in enumerate(_entries(tree["annotations"], file, "annotations")):
        entry = _Entry(annotation, f"{file}: annotations[{place}]")
        captions.setdefault(entry.identifier("image_id"), []).append(entry.text("caption"))
    for place, image in enumerate(_entries(tree["images"], file, "images")):
        entry = _Entry(image, f"{file}: images[{place}]")
        identifier, name = entry.identifier("id"), entry.file_name("file_name")
        if names.setdefault(identifier, name) != name:
            entry.fault("id", identifier, f"an id of its own, this is that of {names[identifier]}")
        listing.images.append((name, captions.get(identifier, [])))
    listing.orphans = [
        text for identifier, texts in captions.items() if identifier not in names for text in texts
    ]
    return listing


def _from_karpathy(tree: dict[str, Any], file: Path, split: str) -> Listing:
    listing = Listing()
    for place, image in enumerate(tree["images"]):
        entry = _Entry(image, f"{file}: images[{place}]")
        of = entry.text("split")
        if of not in _SPLITS:
            entry.fault("split", of, f"one of {', '.join(_SPLITS)}")
        name = entry.file_name("filename", entry.text("filepath") if "filepath" in image else "")
        sentences = _entries(entry.value("sentences"), file, f"images[{place}].sentences")
        texts = [
            _Entry(sentence, f"{file}: images[{place}].sentences[{number}]").text("raw")
            for number, sentence in enumerate(sentences)
        ]
        if _SPLITS[of] == split:
            listing.images.append((name, texts))
    return listing


def _entries(value: Any, file: Path, key: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"{file}: {key}: found {shown(json.dumps(value))}; expected a list")
    return value


@dataclass(frozen=True)
class _Entry:
    """One object of a file, and where it stands there."""

    tree: Any
    where: str

    def value(self, key: str) -> Any:
        if not isinstance(self.tree, dict):
            raise ConfigError(
                f"{self.where}: found {shown(json.dumps(self.tree))}; expected an object"
            )
        if key not in self.tree:
            raise ConfigError(
                f"{self.where}: found the keys {sorted(self.tree)} without {key!r}; expected COCO "
                "captions or a Karpathy split"
            )
        return self.tree[key]

    def text(self, key: str) -> str:
        value = self.value(key)
        if not isinstance(value, str):
            self.fault(key, value, "text")
        return value

    def identifier(self, key: str) -> int | str:
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int | str):
            self.fault(key, value, "a whole number or text")
        return value

    def file_name(self, key: str, folder: str = "") -> str:
        """A path that stays below the folder of images."""
        value = self.text(key)
        path = PurePosixPath(folder, value)
        if not value or path.is_absolute() or ".." in path.parts or path.name in ("", "."):
            self.fault(key, value, "the name of a file below the folder of images")
        try:
            sizes = [len(os.fsencode(part)) for part in path.parts]
        except UnicodeEncodeError:
            sizes = [_LONGEST_NAME + 1]
        if max(sizes) > _LONGEST_NAME or sum(sizes) > _LONGEST_PATH or "\0" in str(path):
            self.fault(key, value, "a name that a file can have")
        return str(path)

    def fault(self, key: str, value: Any, expected: str) -> NoReturn:
        raise ConfigError(
            f"{self.where}.{key}: found {shown(json.dumps(value))}; expected {expected}"
        )
