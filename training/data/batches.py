"""Images with their captions, or sentences without images, as tensors for teacher forcing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from ros2_captioner.errors import CaptionerError
from ros2_captioner.vocabulary import Vocabulary
from training.config.settings import ConfigError
from training.data.datasets import Item
from training.data.sampler import EpochSampler


class Batch(NamedTuple):
    """B images with N captions each.

    Attributes:
        indices: int64 ``[B]``, places of the images in their split.
        images: cached maps float ``[B, h, w, c]`` or frames uint8 ``[B, S, S, 3]``.
        tokens: int64 ``[B, N, T]``, begun by the start token, padded with the end token.
        valid: bool ``[B, N, T]``.
        targets: int64 ``[M]``, the words that follow the M valid tokens; or, where earlier runs
            teach, float ``[M, V]``, the probabilities of the vocabulary's words there.
        known: int8 ``[B, E]``, what is known of each word with evidence, see `known_words`; or
            float, the probabilities of those that are known.
    """

    indices: Tensor
    images: Tensor
    tokens: Tensor
    valid: Tensor
    targets: Tensor
    known: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(*(tensor.to(device) for tensor in self))

    def split(self, parts: int) -> list[Batch]:
        """The same images in at most ``parts`` batches."""
        size = -(-len(self.indices) // parts)
        words = self.valid.sum(dim=(1, 2)).split(size)
        chunks = zip(
            self.indices.split(size),
            self.images.split(size),
            self.tokens.split(size),
            self.valid.split(size),
            self.targets.split([int(count.sum()) for count in words]),
            self.known.split(size),
            strict=True,
        )
        return [Batch(*chunk) for chunk in chunks]


def loader(
    dataset: Dataset[Item], sampler: EpochSampler, vocabulary: Vocabulary, size: int, workers: int
) -> DataLoader[Batch]:
    """Batches of ``size`` items in the sampler's order, read by so many further processes."""
    return _Loader(
        _Caught(dataset),  # type: ignore[arg-type]
        batch_size=size,
        sampler=sampler,
        collate_fn=partial(_collated, vocabulary=vocabulary),
        num_workers=workers,
    )


@contextmanager
def told_readers() -> Iterator[None]:
    """Say in a line that a process that reads has died: torch raises that wherever training is.

    Raises:
        ConfigError: one has.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise ConfigError(
            f"found a process that reads images dead: {error}; expected enough memory: resume with "
            "--set optim.workers=0, or fewer of them than before"
        ) from error


class _Caught(Dataset[Item | Exception]):
    """Items, or in its place what is wrong with one.

    Raised in a process that reads, it would come as a RuntimeError with that one's traceback.
    """

    def __init__(self, dataset: Dataset[Item]) -> None:
        self._dataset = dataset

    def __getitem__(self, index: int) -> Item | Exception:
        try:
            return self._dataset[index]
        except (CaptionerError, OSError) as error:
            return error


class _Loader(DataLoader[Batch]):
    """Raises what was wrong with an item of a batch."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        try:
            batches = super().__iter__()
        except OSError as error:  # their locks are in shared memory too
            raise ConfigError(
                f"cannot start processes that read images: {error}; expected room in /dev/shm and "
                "for further processes: resume with it, or with --set optim.workers=0"
            ) from error
        for batch in batches:
            if isinstance(batch, Exception):
                raise batch
            yield batch


def _collated(items: list[Item | Exception], vocabulary: Vocabulary) -> Batch | Exception:
    wrong = next((item for item in items if isinstance(item, Exception)), None)
    if wrong:
        return wrong
    batch = collate(cast(list[Item], items), vocabulary)
    return batch if get_worker_info() is None else _in_shared_memory(batch)


def _in_shared_memory(batch: Batch) -> Batch | Exception:
    """The batch where the training process can read it, or why it is not.

    Here and not by the thread that sends it, whose error nobody hears: training would wait forever.
    """
    try:
        return Batch(*(tensor.share_memory_() for tensor in batch))
    except RuntimeError as error:
        return ConfigError(
            f"found no room in shared memory for a batch: {error}; expected more in /dev/shm, as "
            "by docker's --shm-size: resume with it, or with --set optim.workers=0"
        )


def collate(items: list[Item], vocabulary: Vocabulary) -> Batch:
    """Stack items; images with fewer captions get rows that are nowhere valid."""
    most = max(1, *(len(item.captions) for item in items))
    longest = 1 + max((len(ids) for item in items for ids in item.captions), default=0)
    tokens = torch.full((len(items), most, longest), vocabulary.end)
    following = tokens.clone()
    valid = torch.zeros(tokens.shape, dtype=torch.bool)
    for row, item in enumerate(items):
        for column, ids in enumerate(item.captions):
            tokens[row, column, : len(ids) + 1] = torch.tensor([vocabulary.start, *ids])
            following[row, column, : len(ids)] = torch.tensor(ids)
            valid[row, column, : len(ids) + 1] = True
    return Batch(
        torch.tensor([item.place for item in items]),
        torch.stack([item.image for item in items]),
        tokens,
        valid,
        following[valid],
        torch.stack([item.known for item in items]),
    )
