"""Images, or sentences without images, one item at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ros2_captioner.images.files import read_image
from ros2_captioner.preprocess import preprocess
from ros2_captioner.vocabulary import Vocabulary, tokenize
from training.data.augment import Augmentation
from training.data.captions import CaptionedImage
from training.data.evidence_words import known_words
from training.data.frames import read_map

CAPTIONS_PER_IMAGE = 5


class Item(NamedTuple):
    """An image, or an image that is not there, and what is known of it.

    Attributes:
        place: in its data set.
        image: a cached map float ``[h, w, c]`` or a frame uint8 ``[S, S, 3]``; empty if not there.
        captions: the ids of each one's words.
        known: int8 ``[E]``, see `known_words`.
    """

    place: int
    image: Tensor
    captions: list[list[int]]
    known: Tensor


class ImageDataset(Dataset[Item]):
    """Images with their captions and known words.

    Args:
        images: with what is known of them.
        vocabulary: encodes the captions.
        evidence_ids: int64 ``[E]``, places in the vocabulary of the words with evidence.
        max_words: longer captions are cut.
        image_size: side of the frames in pixels.
        maps: a file with the cached map of each image; without them the images are read.
        augmentation: changes the frames that are read from disk.
    """

    def __init__(
        self,
        images: Sequence[CaptionedImage],
        vocabulary: Vocabulary,
        evidence_ids: Tensor,
        max_words: int,
        image_size: int,
        maps: Sequence[Path] | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        self._images = images
        self._captions = [encoded(image.captions, vocabulary, max_words) for image in images]
        self._known = [known_words(image, evidence_ids, vocabulary) for image in images]
        self._image_size = image_size
        self._maps = maps
        self._augmentation = augmentation

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Item:
        captions = some_of(self._captions[index])
        return Item(index, self._image(index), captions, self._known[index])

    def _image(self, index: int) -> Tensor:
        if self._maps is not None:
            return torch.from_numpy(read_map(self._maps[index]))
        captioned = self._images[index]
        image = read_image(captioned.path)
        if self._augmentation is not None:
            image = self._augmentation(image, captioned.captions)
        return torch.from_numpy(preprocess(image, self._image_size))


class SentenceDataset(Dataset[Item]):
    """What people said of images that are not there, and the words with evidence in it.

    Args:
        groups: the sentences of each image.
        vocabulary: encodes them.
        evidence_ids: int64 ``[E]``, places in the vocabulary of the words with evidence.
        max_words: longer sentences are cut.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[str]],
        vocabulary: Vocabulary,
        evidence_ids: Tensor,
        max_words: int,
    ) -> None:
        self._captions = [encoded(group, vocabulary, max_words) for group in groups]
        self._evidence_ids = evidence_ids

    def __len__(self) -> int:
        return len(self._captions)

    def __getitem__(self, index: int) -> Item:
        captions = self._captions[index]
        said = torch.tensor(sorted({word for ids in captions for word in ids}), dtype=torch.int64)
        known = torch.isin(self._evidence_ids, said).to(torch.int8)
        return Item(index, torch.zeros(0), some_of(captions), known)


def encoded(captions: Sequence[str], vocabulary: Vocabulary, max_words: int) -> list[list[int]]:
    """The ids of each caption's first words."""
    return [vocabulary.encode(tokenize(text)[:max_words]) for text in captions]


def some_of(captions: list[list[int]]) -> list[list[int]]:
    """All captions of an image, or `CAPTIONS_PER_IMAGE` of them by chance."""
    if len(captions) <= CAPTIONS_PER_IMAGE:
        return captions
    chosen = torch.randperm(len(captions))[:CAPTIONS_PER_IMAGE]
    return [captions[place] for place in chosen]
