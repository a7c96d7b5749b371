"""Which items an epoch shows, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch.utils.data import Sampler


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
