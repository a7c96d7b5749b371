"""Images with all their captions as tensors for teacher forcing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ros2_captioner.errors import CaptionerError
from ros2_captioner.images.files import read_image
from ros2_captioner.preprocess import preprocess
from ros2_captioner.vocabulary import Vocabulary, tokenize
from training.data.augment import Augmentation
from training.data.captions import CaptionedImage
from training.data.concepts import Concepts
from training.data.frames import read_map

CAPTIONS_PER_IMAGE = 5


class Batch(NamedTuple):
    """B images with N captions each.

    Attributes:
        indices: int64 ``[B]``, places of the images in their split.
        images: cached maps float ``[B, h, w, c]`` or frames uint8 ``[B, S, S, 3]``.
        tokens: int64 ``[B, N, T]``, begun by the start token, padded with the end token.
        valid: bool ``[B, N, T]``.
        targets: int64 ``[M]``, the words that follow the M valid tokens.
        known: int8 ``[B, E]``, what is known of each word with evidence, see `Concepts.known`.
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


Item = tuple[int, Tensor, list[list[int]], Tensor]


class ImageDataset(Dataset[Item]):
    """Each item is an image's place, the image, its encoded captions, and its known words.

    Args:
        images: with what is known of them.
        vocabulary: encodes the captions.
        concepts: the words with evidence.
        max_words: longer captions are cut.
        image_size: side of the frames in pixels.
        maps: a file with the cached map of each image; without them the images are read.
        augmentation: changes the frames that are read from disk.
    """

    def __init__(
        self,
        images: Sequence[CaptionedImage],
        vocabulary: Vocabulary,
        concepts: Concepts,
        max_words: int,
        image_size: int,
        maps: Sequence[Path] | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        self._images = images
        self._captions = [encoded(image.captions, vocabulary, max_words) for image in images]
        self._known = [concepts.known(image, vocabulary) for image in images]
        self._image_size = image_size
        self._maps = maps
        self._augmentation = augmentation

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Item:
        captions = some_of(self._captions[index])
        return index, self._image(index), captions, self._known[index]

    def _image(self, index: int) -> Tensor:
        if self._maps is not None:
            return torch.from_numpy(read_map(self._maps[index]))
        captioned = self._images[index]
        image = read_image(captioned.path)
        if self._augmentation is not None:
            image = self._augmentation(image, captioned.captions)
        return torch.from_numpy(preprocess(image, self._image_size))


class SentenceDataset(Dataset[Item]):
    """Each item is what people said of an image that is not there, and the words in it.

    Args:
        groups: the sentences of each image.
        vocabulary: encodes them.
        concepts: the words with evidence.
        max_words: longer sentences are cut.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[str]],
        vocabulary: Vocabulary,
        concepts: Concepts,
        max_words: int,
    ) -> None:
        self._captions = [encoded(group, vocabulary, max_words) for group in groups]
        self._ids = concepts.ids

    def __len__(self) -> int:
        return len(self._captions)

    def __getitem__(self, index: int) -> Item:
        captions = self._captions[index]
        said = torch.tensor(sorted({word for ids in captions for word in ids}), dtype=torch.int64)
        known = torch.isin(self._ids, said).to(torch.int8)
        return index, torch.zeros(0), some_of(captions), known


def encoded(captions: Sequence[str], vocabulary: Vocabulary, max_words: int) -> list[list[int]]:
    """The ids of each caption's first words."""
    return [vocabulary.encode(tokenize(text)[:max_words]) for text in captions]


def some_of(captions: list[list[int]]) -> list[list[int]]:
    """All captions of an image, or `CAPTIONS_PER_IMAGE` of them by chance."""
    if len(captions) <= CAPTIONS_PER_IMAGE:
        return captions
    chosen = torch.randperm(len(captions))[:CAPTIONS_PER_IMAGE]
    return [captions[place] for place in chosen]


class Share(NamedTuple):
    """Which of several processes that train together this one is."""

    rank: int
    processes: int


ALONE = Share(0, 1)


class EpochSampler(Sampler[int]):
    """The items of one epoch in a random order that depends on the seed alone.

    An item of weight 2.5 comes twice, and a third time with probability one half. Of several
    processes each gets its share, all equally many.

    Args:
        weights: of each item.
        seed: of the epoch.
        share: this process's.
        count: how many items to draw in all instead, whatever the weights sum to.
    """

    def __init__(
        self,
        weights: Sequence[float],
        seed: int,
        share: Share = ALONE,
        count: int | None = None,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        times = torch.tensor(weights, dtype=torch.float64)
        if count is not None:
            times = times * (count / times.sum())
        chance = torch.rand(len(times), generator=generator, dtype=torch.float64)
        whole = times.floor() + (chance < times % 1)
        places = torch.arange(len(times)).repeat_interleave(whole.long())
        places = places[torch.randperm(len(places), generator=generator)]
        full = len(places) + -len(places) % share.processes
        places = places.repeat(share.processes)[:full]  # the first come again to fill up
        self._places = places[share.rank :: share.processes].tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


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
        for batch in super().__iter__():
            if isinstance(batch, Exception):
                raise batch
            yield batch


def _collated(items: list[Item | Exception], vocabulary: Vocabulary) -> Batch | Exception:
    wrong = next((item for item in items if isinstance(item, Exception)), None)
    return wrong or collate(cast(list[Item], items), vocabulary)


def collate(items: list[Item], vocabulary: Vocabulary) -> Batch:
    """Stack items; images with fewer captions get rows that are nowhere valid."""
    most = max(1, *(len(captions) for _, _, captions, _ in items))
    longest = 1 + max((len(ids) for _, _, captions, _ in items for ids in captions), default=0)
    tokens = torch.full((len(items), most, longest), vocabulary.end)
    following = tokens.clone()
    valid = torch.zeros(tokens.shape, dtype=torch.bool)
    for row, (_, _, captions, _) in enumerate(items):
        for column, ids in enumerate(captions):
            tokens[row, column, : len(ids) + 1] = torch.tensor([vocabulary.start, *ids])
            following[row, column, : len(ids)] = torch.tensor(ids)
            valid[row, column, : len(ids) + 1] = True
    return Batch(
        torch.tensor([index for index, *_ in items]),
        torch.stack([image for _, image, _, _ in items]),
        tokens,
        valid,
        following[valid],
        torch.stack([known for *_, known in items]),
    )
