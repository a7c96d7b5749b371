"""Batched beam search over a model's single step; knows neither the runtime nor ROS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import OptionsError

MAX_BEAM_WIDTH = 16
MAX_CAPTION_LENGTH = 50


@dataclass(frozen=True)
class StepOutput:
    """What one decoder step returns for B pictures, K beams, k candidate words and L grid cells.

    Attributes:
        log_probs: float32 ``[B, K, k]``, best first.
        ids: int32 ``[B, K, k]``, the candidates' word ids.
        attention: float32 ``[B, K, L]``, weight of each grid cell for the word being predicted.
    """

    log_probs: NDArray[np.float32]
    ids: NDArray[np.int32]
    attention: NDArray[np.float32]


class Stepper(Protocol):
    """One step of a decoder whose state lives behind the interface."""

    def step(self, tokens: NDArray[np.int32], parents: NDArray[np.int64]) -> StepOutput:
        """Feed ``tokens`` ``[B, K]`` after letting beam row j continue row ``parents[:, j]``."""
        ...


@dataclass(frozen=True)
class DecodingOptions:
    """How captions are searched; checked as a whole on construction.

    Attributes:
        beam_width: hypotheses kept a picture, 1-16.
        length_penalty: exponent a of score = log-probability / length**a, 0-3; 0 favours short
            captions (Wu et al. 2016, section 7, in its simple form).
        min_length: words before the caption may end.
        max_length: words after which it is cut, 1-50.
        no_repeat_ngram: no n-gram of this many words occurs twice; 0 allows all.
        banned_words: words that never appear.
        num_alternatives: further captions returned beside the best, below ``beam_width``.

    Raises:
        OptionsError: a value is out of range, or two contradict each other.
    """

    beam_width: int = 3
    length_penalty: float = 0.7
    min_length: int = 0
    max_length: int = 20
    no_repeat_ngram: int = 0
    banned_words: tuple[str, ...] = ()
    num_alternatives: int = 0

    def __post_init__(self) -> None:
        _check_range("beam_width", self.beam_width, 1, MAX_BEAM_WIDTH)
        _check_range("length_penalty", self.length_penalty, 0.0, 3.0)
        _check_range("max_length", self.max_length, 1, MAX_CAPTION_LENGTH)
        _check_range("min_length", self.min_length, 0, MAX_CAPTION_LENGTH)
        _check_range("no_repeat_ngram", self.no_repeat_ngram, 0, 10)
        _check_range("num_alternatives", self.num_alternatives, 0, MAX_BEAM_WIDTH - 1)
        if self.min_length > self.max_length:
            raise OptionsError(
                f"min_length is {self.min_length} and max_length {self.max_length}; "
                "expected min_length <= max_length"
            )
        if self.num_alternatives >= self.beam_width:
            raise OptionsError(
                f"num_alternatives is {self.num_alternatives} and beam_width {self.beam_width}; "
                "expected num_alternatives < beam_width"
            )


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise OptionsError(f"{name} is {value}; expected a value from {low} to {high}")


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


@dataclass
class _Beams:
    """The live hypotheses of a batch, as arrays over [B, K] and [B, K, time]."""

    scores: NDArray[np.float64]
    ids: NDArray[np.int32]
    log_probs: NDArray[np.float32]
    attention: NDArray[np.float32]

    @classmethod
    def fresh(cls, batch: int, width: int) -> _Beams:
        # All rows of the first step are equal, so only the first may spawn candidates.
        scores = np.full((batch, width), -np.inf)
        scores[:, 0] = 0.0
        empty = (batch, width, 0)
        return cls(
            scores,
            np.zeros(empty, np.int32),
            np.zeros(empty, np.float32),
            np.zeros((*empty, 1), np.float32),
        )

    def extended(
        self, parents: NDArray[np.int64], chosen: NDArray[np.int64], output: StepOutput
    ) -> _Beams:
        """Continue row ``parents`` with its candidate number ``chosen``, both ``[B, K]``."""
        rows = np.arange(len(parents))[:, None]
        words = output.ids[rows, parents, chosen]
        log_probs = output.log_probs[rows, parents, chosen]
        attention = output.attention[rows, parents][:, :, None]
        past = self.attention[rows, parents]
        return _Beams(
            self.scores[rows, parents] + log_probs,
            np.concatenate([self.ids[rows, parents], words[:, :, None]], axis=2),
            np.concatenate([self.log_probs[rows, parents], log_probs[:, :, None]], axis=2),
            # Before the first word the number of grid cells is not known.
            np.concatenate([past, attention], axis=2) if past.shape[2] else attention,
        )

    def hypothesis(self, picture: int, row: int, score: float) -> Hypothesis:
        return Hypothesis(
            tuple(int(index) for index in self.ids[picture, row]),
            self.log_probs[picture, row].astype(np.float32),
            score,
            self.attention[picture, row].astype(np.float32),
        )


@dataclass
class _Pool:
    """The best finished hypotheses of one picture, until it is done."""

    width: int
    hypotheses: list[Hypothesis] = field(default_factory=list)
    closed: bool = False

    def add(self, hypothesis: Hypothesis) -> None:
        if not self.closed:
            self.hypotheses.append(hypothesis)
            self.hypotheses.sort(key=lambda item: -item.score)
            del self.hypotheses[self.width :]

    def close_to(self, score: float) -> None:
        """Close for good if full and a hypothesis of this score would not enter.

        Other pictures of the batch may go on: what they wait for must not change this one.
        """
        full = len(self.hypotheses) == self.width
        self.closed |= full and self.hypotheses[-1].score >= score


def beam_search(
    stepper: Stepper,
    batch: int,
    options: DecodingOptions,
    *,
    start: int,
    end: int,
    vetoed: Sequence[int] = (),
) -> list[list[Hypothesis]]:
    """Search captions for a batch of pictures together.

    A picture is done when ``beam_width`` hypotheses have ended and the best live one, normalised
    at its present length, would not enter them, whatever the others of the batch still do.
    Hypotheses that have not ended after ``max_length`` words compete as they stand, so a result
    always exists.

    Args:
        stepper: the decoder, started for ``batch`` pictures and ``options.beam_width`` beams.
        batch: number of pictures B.
        options: see `DecodingOptions`.
        start: id of the start token.
        end: id of the end token.
        vetoed: ids that are never chosen (banned words, ``<unk>``).

    Returns:
        For each picture at most ``beam_width`` hypotheses, best first, at least one.
    """
    width = options.beam_width
    beams = _Beams.fresh(batch, width)
    pools = [_Pool(width) for _ in range(batch)]
    tokens = np.full((batch, width), start, np.int32)
    parents = np.tile(np.arange(width), (batch, 1))
    never = np.asarray(list(vetoed), np.int32)

    for length in range(options.max_length):
        output = _without(stepper.step(tokens, parents), beams, never, end, length, options)
        parents, chosen = _best_continuations(beams, output, pools, end, options)
        beams = beams.extended(parents, chosen, output)
        tokens = beams.ids[:, :, -1]
        norm = (length + 1) ** options.length_penalty
        best_live = beams.scores.max(axis=1) / norm
        for pool, score in zip(pools, best_live, strict=True):
            pool.close_to(score)
        if all(pool.closed for pool in pools):
            break
    else:
        _finish_live(beams, pools, options)
    return [pool.hypotheses for pool in pools]


def _without(
    output: StepOutput,
    beams: _Beams,
    never: NDArray[np.int32],
    end: int,
    length: int,
    options: DecodingOptions,
) -> StepOutput:
    """The step's output with vetoed candidates at probability zero."""
    veto = (output.ids[..., None] == never).any(axis=-1)  # np.isin takes three times as long
    if length < options.min_length:
        veto |= output.ids == end
    if options.no_repeat_ngram:
        veto |= _repeats(beams.ids, output.ids, options.no_repeat_ngram)
    log_probs = np.where(veto, np.float32(-np.inf), output.log_probs)
    return StepOutput(log_probs, output.ids, output.attention)


def _repeats(
    history: NDArray[np.int32], candidates: NDArray[np.int32], n: int
) -> NDArray[np.bool_]:
    """Which candidates ``[B, K, k]`` complete an n-gram that ``history`` ``[B, K, T]`` has."""
    repeats = np.zeros(candidates.shape, np.bool_)
    length = history.shape[2]
    suffix = history[:, :, length - n + 1 :]
    for first in range(length - n + 1):
        window = history[:, :, first : first + n]
        same_prefix = (window[:, :, : n - 1] == suffix).all(axis=2)
        repeats |= same_prefix[:, :, None] & (candidates == window[:, :, -1:])
    return repeats


def _best_continuations(
    beams: _Beams, output: StepOutput, pools: list[_Pool], end: int, options: DecodingOptions
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Move candidates that end into the pools; return parent row and candidate of the rest.

    Both results are ``[B, K]``. At most one candidate a row is the end token, so the best
    2 K candidates always hold K that go on.
    """
    batch, width, count = output.ids.shape
    totals = (beams.scores[:, :, None] + output.log_probs).reshape(batch, -1)
    order = np.argsort(-totals, axis=1, kind="stable")[:, : 2 * width]
    rows, candidates = np.divmod(order, count)
    pictures = np.arange(batch)[:, None]
    ends = output.ids[pictures, rows, candidates] == end
    norm = (beams.ids.shape[2] + 1) ** options.length_penalty
    for picture, rank in zip(*np.nonzero(ends[:, :width]), strict=True):
        total = totals[picture, order[picture, rank]]
        if np.isfinite(total):
            row = rows[picture, rank]
            pools[picture].add(beams.hypothesis(picture, row, float(total / norm)))
    going_on = np.argsort(ends, axis=1, kind="stable")[:, :width]
    return rows[pictures, going_on], candidates[pictures, going_on]


def _finish_live(beams: _Beams, pools: list[_Pool], options: DecodingOptions) -> None:
    """Let hypotheses that reached the length limit compete with those that ended."""
    norm = beams.ids.shape[2] ** options.length_penalty
    for picture, pool in enumerate(pools):
        for row, total in enumerate(beams.scores[picture]):
            if np.isfinite(total):
                pool.add(beams.hypothesis(picture, row, float(total / norm)))
        if not pool.hypotheses:
            # Every candidate was vetoed: an empty caption says so, and nothing crashes.
            pool.add(Hypothesis((), np.zeros(0, np.float32), -np.inf, np.zeros((0, 1), np.float32)))
