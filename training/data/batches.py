"""Pictures with all their captions as tensors for teacher forcing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from ros2_captioner.images.files import read_image
from ros2_captioner.preprocess import preprocess
from ros2_captioner.vocabulary import Vocabulary, tokenize
from training.config.settings import ConfigError
from training.data.augment import Augmentation
from training.data.captions import CaptionedPicture
from training.data.frames import read_map

CAPTIONS_PER_PICTURE = 5


class Batch(NamedTuple):
    """B pictures with N captions each.

    Attributes:
        indices: int64 ``[B]``, places of the pictures in their split.
        pictures: cached maps float ``[B, h, w, c]`` or frames uint8 ``[B, S, S, 3]``.
        tokens: int64 ``[B, N, T]``, begun by the start token, padded with the end token.
        valid: bool ``[B, N, T]``.
        targets: int64 ``[M]``, the words that follow the M valid tokens.
    """

    indices: Tensor
    pictures: Tensor
    tokens: Tensor
    valid: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(*(tensor.to(device) for tensor in self))

    def split(self, parts: int) -> list[Batch]:
        """The same pictures in at most ``parts`` batches."""
        size = -(-len(self.indices) // parts)
        words = self.valid.sum(dim=(1, 2)).split(size)
        chunks = zip(
            self.indices.split(size),
            self.pictures.split(size),
            self.tokens.split(size),
            self.valid.split(size),
            self.targets.split([int(count.sum()) for count in words]),
            strict=True,
        )
        return [Batch(*chunk) for chunk in chunks]


Item = tuple[int, Tensor, list[list[int]]]


class PictureDataset(Dataset[Item]):
    """Each item is a picture's place, the picture and its encoded captions.

    Args:
        pictures: with their captions.
        vocabulary: encodes the captions.
        max_words: longer captions are cut.
        image_size: side of the frames in pixels.
        maps: a file with the cached map of each picture; without them the pictures are read.
        augmentation: changes the frames that are read from disk.
    """

    def __init__(
        self,
        pictures: Sequence[CaptionedPicture],
        vocabulary: Vocabulary,
        max_words: int,
        image_size: int,
        maps: Sequence[Path] | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        self._pictures = pictures
        self._captions = [
            [vocabulary.encode(tokenize(text)[:max_words]) for text in picture.captions]
            for picture in pictures
        ]
        self._image_size = image_size
        self._maps = maps
        self._augmentation = augmentation

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Item:
        captions = self._captions[index]
        if len(captions) > CAPTIONS_PER_PICTURE:
            chosen = torch.randperm(len(captions))[:CAPTIONS_PER_PICTURE]
            captions = [captions[place] for place in chosen]
        return index, self._picture(index), captions

    def _picture(self, index: int) -> Tensor:
        if self._maps is not None:
            return torch.from_numpy(read_map(self._maps[index]))
        captioned = self._pictures[index]
        picture = read_image(str(captioned.path))
        if self._augmentation is not None:
            picture = self._augmentation(picture, captioned.captions)
        return torch.from_numpy(preprocess(picture, self._image_size))


def loader(
    dataset: PictureDataset,
    vocabulary: Vocabulary,
    size: int,
    seed: int,
    workers: int,
    *,
    processes: int = 1,
    rank: int = 0,
) -> DataLoader[Batch]:
    """Shuffled batches of ``size`` pictures; the order depends on the seed alone.

    Args:
        dataset: to draw from.
        vocabulary: of the captions.
        size: pictures a batch, in all processes together.
        seed: of the order.
        workers: processes that read pictures; 0 reads in this one.
        processes: that train together; each gets its share of every batch.
        rank: number of this process.

    Raises:
        ConfigError: the size cannot be shared out evenly.
    """
    if size % processes:
        raise ConfigError(
            f"found batches of {size} pictures for {processes} processes; "
            "expected a multiple of their number"
        )

    return DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_size=size // processes,
        sampler=DistributedSampler(dataset, processes, rank, shuffle=True, seed=seed),
        collate_fn=partial(collate, vocabulary=vocabulary),
        num_workers=workers,
    )


def collate(items: list[Item], vocabulary: Vocabulary) -> Batch:
    """Stack items; pictures with fewer captions get rows that are nowhere valid."""
    most = max(len(captions) for *_, captions in items)
    longest = max(len(ids) for *_, captions in items for ids in captions) + 1
    tokens = torch.full((len(items), most, longest), vocabulary.end)
    following = tokens.clone()
    valid = torch.zeros(tokens.shape, dtype=torch.bool)
    for row, (*_, captions) in enumerate(items):
        for column, ids in enumerate(captions):
            tokens[row, column, : len(ids) + 1] = torch.tensor([vocabulary.start, *ids])
            following[row, column, : len(ids)] = torch.tensor(ids)
            valid[row, column, : len(ids) + 1] = True
    return Batch(
        torch.tensor([index for index, *_ in items]),
        torch.stack([picture for _, picture, _ in items]),
        tokens,
        valid,
        following[valid],
    )
