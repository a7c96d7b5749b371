"""Hypotheses of a beam search: paths through its steps, and the best that have ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Hypothesis:
    """One finished caption as ids.

    Attributes:
        ids: word ids, the end token left out.
        log_probs: float32 ``[len(ids)]``, natural log-probability of each word.
        score: summed log-probability (end token included) / length**length_penalty.
        attention: float32 ``[len(ids), L]``.
    """

    ids: tuple[int, ...]
    log_probs: NDArray[np.float32]
    score: float
    attention: NDArray[np.float32]


class Step(NamedTuple):
    """What one step chose for every picture and beam.

    Attributes:
        parents: int64 ``[B, K]``, the row of the step before that each row continues.
        words: int32 ``[B, K]``.
        log_probs: float32 ``[B, K]``, of the words.
        attention: float32 ``[B, K, L]`` of the rows continued, under which words were predicted.
    """

    parents: NDArray[np.int64]
    words: NDArray[np.int32]
    log_probs: NDArray[np.float32]
    attention: NDArray[np.float32]


class Ended(NamedTuple):
    """Where a finished hypothesis ended; ``length`` does not count the end token."""

    score: float
    length: int
    row: int


class Trellis:
    """All steps so far; a hypothesis is a path through them, read backwards from its last row.

    Few rows end up in a caption, so following paths at the end costs less than carrying along
    what belongs to every beam. Only the words are carried: what may not repeat hangs on them.

    Args:
        batch: number of pictures B.
        width: number of beams K.

    Attributes:
        steps: all so far.
        words: int32 ``[B, K, number of steps]`` of every live row.
    """

    def __init__(self, batch: int, width: int) -> None:
        self.steps: list[Step] = []
        self.words = np.zeros((batch, width, 0), np.int32)
        self._pictures = np.arange(batch)[:, None]

    def add(self, step: Step) -> None:
        """Let every row go on as the step says."""
        self.steps.append(step)
        past = self.words[self._pictures, step.parents]
        self.words = np.concatenate([past, step.words[:, :, None]], axis=2)

    def hypothesis(self, picture: int, ended: Ended) -> Hypothesis:
        """The path of a picture that ended after ``ended.length`` words in ``ended.row``."""
        row = ended.row
        ids, log_probs, attention = [], [], []
        for step in reversed(self.steps[: ended.length]):
            parent = int(step.parents[picture, row])
            ids.append(int(step.words[picture, row]))
            log_probs.append(step.log_probs[picture, row])
            attention.append(step.attention[picture, parent])
            row = parent
        cells = self.steps[0].attention.shape[2]
        return Hypothesis(
            tuple(reversed(ids)),
            np.array(log_probs[::-1], np.float32),
            ended.score,
            np.array(attention[::-1], np.float32).reshape(len(ids), cells),
        )


@dataclass
class Pool:
    """The best finished hypotheses of one picture, until it is done.

    Attributes:
        width: how many are kept.
        ended: where they ended, best first.
        closed: nothing enters any more.
    """

    width: int
    ended: list[Ended] = field(default_factory=list)
    closed: bool = False

    def add(self, ended: Ended) -> None:
        """Keep it if it is among the best, and possible at all."""
        if not self.closed and np.isfinite(ended.score):
            self.ended.append(ended)
            self.ended.sort(key=lambda item: -item.score)
            del self.ended[self.width :]

    def close_to(self, score: float) -> None:
        """Close for good if full and a hypothesis of this score would not enter.

        Other pictures of the batch may go on: what they wait for must not change this one.
        """
        full = len(self.ended) == self.width
        self.closed |= full and self.ended[-1].score >= score
