"""Pictures with all their captions as tensors for teacher forcing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ros2_captioner.vocabulary import Vocabulary, tokenize
from training.captions_data import CaptionedPicture
from training.features import read_frames

CAPTIONS_PER_PICTURE = 5


class Batch(NamedTuple):
    """B pictures with N captions each.

    Attributes:
        pictures: grids float ``[B, L, C]`` or frames uint8 ``[B, S, S, 3]``.
        tokens: int64 ``[B, N, T]``, begun by the start token, padded with the end token.
        valid: bool ``[B, N, T]``.
        targets: int64 ``[M]``, the words that follow the M valid tokens.
    """

    pictures: Tensor
    tokens: Tensor
    valid: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(*(tensor.to(device) for tensor in self))


class PictureDataset(Dataset[tuple[Tensor, list[list[int]]]]):
    """Each item is a picture and its encoded captions.

    Args:
        pictures: with their captions.
        vocabulary: encodes the captions.
        max_words: longer captions are cut.
        image_size: side of the frames in pixels.
        grids: ``[len(pictures), L, C]`` cached grids; frames are read from disk without them.
    """

    def __init__(
        self,
        pictures: Sequence[CaptionedPicture],
        vocabulary: Vocabulary,
        max_words: int,
        image_size: int,
        grids: NDArray[np.float16] | None = None,
    ) -> None:
        self._paths = [picture.path for picture in pictures]
        self._captions = [
            [vocabulary.encode(tokenize(text)[:max_words]) for text in picture.captions]
            for picture in pictures
        ]
        self._image_size = image_size
        self._grids = grids

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, list[list[int]]]:
        if self._grids is None:
            picture = torch.from_numpy(read_frames([self._paths[index]], self._image_size)[0])
        else:
            picture = torch.from_numpy(self._grids[index].astype(np.float32))
        captions = self._captions[index]
        if len(captions) > CAPTIONS_PER_PICTURE:
            chosen = torch.randperm(len(captions))[:CAPTIONS_PER_PICTURE]
            captions = [captions[place] for place in chosen]
        return picture, captions


def loader(
    dataset: PictureDataset, vocabulary: Vocabulary, size: int, seed: int, workers: int
) -> DataLoader[Batch]:
    """Shuffled batches of ``size`` pictures; the order depends on the seed alone."""

    def collated(items: list[tuple[Tensor, list[list[int]]]]) -> Batch:
        return collate(items, vocabulary)

    return DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_size=size,
        shuffle=True,
        collate_fn=collated,
        num_workers=workers,
        generator=torch.Generator().manual_seed(seed),
    )


def collate(items: list[tuple[Tensor, list[list[int]]]], vocabulary: Vocabulary) -> Batch:
    """Stack items; pictures with fewer captions get rows that are nowhere valid."""
    most = max(len(captions) for _, captions in items)
    longest = max(len(ids) for _, captions in items for ids in captions) + 1
    tokens = torch.full((len(items), most, longest), vocabulary.end)
    following = tokens.clone()
    valid = torch.zeros(tokens.shape, dtype=torch.bool)
    for row, (_, captions) in enumerate(items):
        for column, ids in enumerate(captions):
            tokens[row, column, : len(ids) + 1] = torch.tensor([vocabulary.start, *ids])
            following[row, column, : len(ids)] = torch.tensor(ids)
            valid[row, column, : len(ids) + 1] = True
    return Batch(torch.stack([picture for picture, _ in items]), tokens, valid, following[valid])
