"""The sources of a training's data: captioned images, images with objects, images alone, sentences.

Each is named in the config, so that adding one takes four lines there and merges no files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ros2_captioner.errors import FrameError
from ros2_captioner.images.files import images_in
from ros2_captioner.vocabulary import tokenize
from training.config.settings import ConfigError, DataConfig, SourceConfig
from training.data.captions import CaptionedImage, captioned

_HELD_OUT = 0.2  # share of a source's images in its part "held_out"


@dataclasses.dataclass(frozen=True)
class Sources:
    """What the sources of a config hold together.

    Attributes:
        images: each with the captions and objects that are known of it.
        sentences: of each image that is not there, what people said of it.
    """

    images: list[CaptionedImage]
    sentences: list[tuple[str, ...]]

    @property
    def captions(self) -> list[tuple[str, ...]]:
        """What people said of each image, there or not, that they said anything of."""
        captions = [image.captions for image in self.images if image.captions]
        return captions + self.sentences


def read_training(config: DataConfig) -> Sources:
    """Everything to train on, source after source.

    Raises:
        ConfigError: a file is missing or not of its format; names the source.
    """
    images: list[CaptionedImage] = []
    sentences: list[tuple[str, ...]] = []
    for source in config.train:
        if source.sentences:
            sentences += _sentences(source)
        else:
            images += _images(source, "train")
    if not any(image.captions for image in images):
        raise ConfigError(
            f"data.train: none of {[source.name for source in config.train]} has captioned images; "
            "expected at least one source with 'images' and 'captions'"
        )
    return Sources(images, sentences)


def read_validation(config: DataConfig, split: str = "val") -> dict[str, list[CaptionedImage]]:
    """The images of every validation source, by its name.

    Raises:
        ConfigError: as `read_training`; or a source has nothing to score captions by, or none
            has captions.
    """
    for source in config.val:
        if not source.captions and not source.objects:
            raise ConfigError(
                f"data.val: source {source.name!r} has nothing to score captions by; expected "
                "'captions' or 'objects'"
            )
    if not any(source.captions for source in config.val):
        raise ConfigError(
            f"data.val: none of {[source.name for source in config.val]} has captions; expected at "
            "least one source with 'images' and 'captions' to choose the best epoch by"
        )
    return {source.name: _images(source, split) for source in config.val}


SCORED = ("val", "train", "test")  # splits, see `read_scored`


def read_scored(config: DataConfig, split: str) -> dict[str, list[CaptionedImage]]:
    """The images of every source that a split is scored on, by its name.

    Args:
        config: names the sources.
        split: ``val`` or ``test`` of the validation sources, or ``train``: the captioned images
            that are trained on.

    Raises:
        ConfigError: as `read_validation` and `read_training`; or a source has no such split.
    """
    if split != "train":
        return read_validation(config, split)
    found: dict[str, list[CaptionedImage]] = {}
    for image in read_training(config).images:
        if image.captions:
            found.setdefault(image.source, []).append(image)
    return found


def source_files(config: DataConfig) -> list[str]:
    """The files that list what the sources hold, which no output may replace."""
    return [
        file
        for source in (*config.train, *config.val)
        for file in (source.captions, source.objects, source.names, source.sentences)
        if file
    ]


def image_files(sources: Mapping[str, Iterable[CaptionedImage]]) -> list[Path]:
    """The files of all images, which no output may replace."""
    return [image.path for images in sources.values() for image in images]


def _images(source: SourceConfig, split: str) -> list[CaptionedImage]:
    try:
        images = [
            dataclasses.replace(image, weight=source.weight, source=source.name)
            for image in _listed(source, split)
            if _belongs(image.path.name, source.part)
        ]
        _check(images, source)
    except (ConfigError, FrameError, OSError) as error:
        raise ConfigError(f"source {source.name!r}: {error}") from error
    return images


def _check(images: list[CaptionedImage], source: SourceConfig) -> None:
    if not images:
        raise ConfigError(f"found no images in its part {source.part!r}; expected at least one")
    missing = [image.path for image in images if not image.path.is_file()]
    if missing:
        raise ConfigError(
            f"{len(missing)} of {len(images)} images are not there, e.g. {missing[0]}; set its "
            "'images' to the folder that holds them"
        )


def _listed(source: SourceConfig, split: str) -> list[CaptionedImage]:
    """What the source's file lists, or its folder holds."""
    folder = Path(source.images)
    if source.captions:
        return captioned(Path(source.captions), folder, split)
    if split == "test":
        raise ConfigError("found no captions in it; expected a Karpathy split to score 'test' on")
    if source.objects:
        return _with_objects(Path(source.objects), folder)
    if source.names:
        return [CaptionedImage(folder / name) for name in _names(Path(source.names))]
    return [CaptionedImage(path) for path in images_in(folder) if path.is_file()]


def _with_objects(file: Path, folder: Path) -> list[CaptionedImage]:
    tree = _load(file)
    if not isinstance(tree, dict) or not all(isinstance(shares, dict) for shares in tree.values()):
        raise ConfigError(f"{file}: expected JSON {{file name: {{object: share of the image}}}}")
    classes = frozenset(name for shares in tree.values() for name in shares)
    return [
        CaptionedImage(folder / name, objects=frozenset(shares), absent=classes - frozenset(shares))
        for name, shares in tree.items()
    ]


def _names(file: Path) -> list[str]:
    tree = _load(file)
    if not isinstance(tree, list) or not all(isinstance(name, str) for name in tree):
        raise ConfigError(f"{file}: expected JSON [file name, ...]")
    return tree


def _sentences(source: SourceConfig) -> list[tuple[str, ...]]:
    try:
        tree = _load(Path(source.sentences))
    except ConfigError as error:
        raise ConfigError(f"source {source.name!r}: {error}") from error
    if not isinstance(tree, dict) or not all(map(_are_texts, tree.values())):
        raise ConfigError(
            f"source {source.name!r}: {source.sentences}: expected JSON "
            "{image id: [sentence, ...]}"
        )
    # A sentence without a word would teach to say nothing.
    groups = (tuple(text for text in group if tokenize(text)) for group in tree.values())
    return [group for group in groups if group]


def _are_texts(group: Any) -> bool:
    return isinstance(group, list) and all(isinstance(text, str) for text in group)


def _load(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error


def _belongs(name: str, part: str) -> bool:
    """Whether an image is in a part of its source: by its name alone, whatever else is there."""
    if part == "all":
        return True
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).digest()
    held_out = int.from_bytes(digest[:4], "big") < _HELD_OUT * 2**32
    return held_out == (part == "held_out")
