"""Batched beam search over a model's single step; knows neither the runtime nor ROS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import OptionsError
from ros2_captioner.options import check_options, option
from ros2_captioner.word_rules import WordRules

MAX_BEAM_WIDTH = 16
_MAX_WORDS = 50


@dataclass(frozen=True)
class StepOutput:
    """What one decoder step returns for B images, K beams, k candidate words and L grid cells.

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
        """Feed each beam row its next token.

        Args:
            tokens: int32 ``[B, K]``, the word that each row ends with.
            parents: int64 ``[B, K]``, the row of the step before that each row continues.

        Returns:
            Arrays of the caller's own: no later step changes them.

        Raises:
            BackendError: the runtime failed.
        """
        ...


@dataclass(frozen=True)
class DecodingOptions:
    """How captions are searched; checked as a whole on construction.

    The length normalisation is that of Wu et al. 2016, section 7, in its simple form: score =
    log-probability / length**length_penalty.

    Raises:
        OptionsError: a value is of the wrong type or out of range, or two contradict each other.
    """

    beam_width: int = option(
        3,
        "Hypotheses the beam search keeps; more is slower and usually better up to 5",
        1,
        MAX_BEAM_WIDTH,
    )
    length_penalty: float = option(
        1.5,
        "Exponent of the length normalisation; higher gives longer captions",
        0.0,
        3.0,
    )
    min_length: int = option(0, "Words before a caption may end", 0, _MAX_WORDS)
    max_length: int = option(20, "Words after which a caption is cut", 1, _MAX_WORDS)
    no_repeat_ngram: int = option(
        2,
        "No sequence of this many words occurs twice in a caption, nor a word twice running; 0 "
        "allows repeats",
        0,
        10,
    )
    no_repeat_objects: bool = option(
        True,
        "No word for an object or a place occurs twice in a caption, if the model lists such words",
    )
    never_last: tuple[str, ...] = option(
        ("a", "an", "the", "and", "of", "with", "in", "at", "to", "is", "are"),
        "Words and phrases that no caption ends with, as it would break off, unless max_length "
        "cuts it",
    )
    banned_words: tuple[str, ...] = option((), "Words and phrases that captions never contain")
    num_alternatives: int = option(
        0,
        "Further captions beside the best; must be below beam_width",
        0,
        MAX_BEAM_WIDTH - 1,
    )

    def __post_init__(self) -> None:
        check_options(self)
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
        for name in ("never_last", "banned_words"):
            for phrase in getattr(self, name):
                if "," in phrase or (phrase.strip() and not any(map(str.isalnum, phrase))):
                    listed = [each.strip() for each in phrase.split(",")]
                    hint = f"; a list is typed {listed}" if "," in phrase else ""
                    raise OptionsError(
                        f"{name} holds {phrase!r}; expected words such as 'dog' or 'hot dog'{hint}"
                    )


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


class Ended(NamedTuple):
    """Where a finished hypothesis ended; ``length`` does not count the end token."""

    score: float
    length: int
    row: int


def beam_search(
    stepper: Stepper,
    batch: int,
    options: DecodingOptions,
    rules: WordRules,
    start: int,
) -> list[list[Hypothesis]]:
    """Search captions for a batch of images together.

    An image is done when ``beam_width`` hypotheses have ended and the best live one, normalised
    at its present length, would not enter them, whatever the others of the batch still do.
    Hypotheses that have not ended after ``max_length`` words compete as they stand, so a result
    always exists.

    Args:
        stepper: the decoder, started for ``batch`` images and ``options.beam_width`` beams.
        batch: number of images B.
        options: of which the beam width, the longest length and its penalty count here.
        rules: what the other options forbid.
        start: id of the start token.

    Returns:
        For each image at most ``beam_width`` hypotheses, best first, at least one.
    """
    width = options.beam_width
    trellis, pools = Trellis(batch, width), [Pool(width) for _ in range(batch)]
    # All rows of the first step are equal, so only the first may spawn candidates.
    scores = np.full((batch, width), -np.inf)
    scores[:, 0] = 0.0
    tokens = np.full((batch, width), start, np.int32)
    parents = np.tile(np.arange(width), (batch, 1))
    images = np.arange(batch)[:, None]

    for length in range(options.max_length):
        output = stepper.step(tokens, parents)
        veto = rules.forbidden(trellis.words, output.ids)
        log_probs = np.where(veto, np.float32(-np.inf), output.log_probs)
        totals = scores[:, :, None] + log_probs
        norm = (length + 1) ** options.length_penalty
        parents, chosen = _best_continuations(totals, output.ids == rules.end, pools, length, norm)
        scores = totals[images, parents, chosen]
        tokens = output.ids[images, parents, chosen]
        trellis.add(Step(parents, tokens, log_probs[images, parents, chosen], output.attention))
        for pool, best_live in zip(pools, scores.max(axis=1) / norm, strict=True):
            pool.close_unless_beaten_by(best_live)
        if all(pool.closed for pool in pools):
            break
    else:
        # Hypotheses that reached the length limit compete with those that ended.
        for pool, row_scores in zip(pools, scores / norm, strict=True):
            for row, score in enumerate(row_scores):
                pool.add(Ended(float(score), options.max_length, row))
    return [
        [trellis.hypothesis(image, ended) for ended in pool.ended or [_NOTHING]]
        for image, pool in enumerate(pools)
    ]


# Every candidate was vetoed: an empty caption says so, and nothing crashes.
_NOTHING = Ended(-np.inf, 0, 0)


def _best_continuations(
    totals: NDArray[np.float64],
    is_end: NDArray[np.bool_],
    pools: list[Pool],
    length: int,
    norm: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Move candidates that end into the pools; return parent row and candidate of the rest.

    Both results are ``[B, K]``. At most one candidate a row is the end token, so the best
    2 K candidates always hold K that go on.
    """
    batch, width, count = totals.shape
    flat = totals.reshape(batch, -1)
    order = (-flat).argsort(axis=1, kind="stable")[:, : 2 * width]
    images = np.arange(batch)[:, None]
    ends = is_end.reshape(batch, -1)[images, order]
    rows, candidates = np.divmod(order, count)
    for image, rank in zip(*ends[:, :width].nonzero(), strict=True):
        score = float(flat[image, order[image, rank]]) / norm
        pools[image].add(Ended(score, length, int(rows[image, rank])))
    going_on = ends.argsort(axis=1, kind="stable")[:, :width]
    return rows[images, going_on], candidates[images, going_on]


class Step(NamedTuple):
    """What one step chose for every image and beam.

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


class Trellis:
    """All steps so far; a hypothesis is a path through them, read backwards from its last row.

    Few rows end up in a caption, so following paths at the end costs less than carrying along
    what belongs to every beam. Only the words are carried: the rules of each step read them.

    Args:
        batch: number of images B.
        width: number of beams K.

    Attributes:
        steps: all so far.
        words: int32 ``[B, K, number of steps]`` of every live row.
    """

    def __init__(self, batch: int, width: int) -> None:
        self.steps: list[Step] = []
        self.words = np.zeros((batch, width, 0), np.int32)
        self._images = np.arange(batch)[:, None]

    def add(self, step: Step) -> None:
        """Let every row go on as the step says."""
        self.steps.append(step)
        past = self.words[self._images, step.parents]
        self.words = np.concatenate([past, step.words[:, :, None]], axis=2)

    def hypothesis(self, image: int, ended: Ended) -> Hypothesis:
        """The path of an image that ended after ``ended.length`` words in ``ended.row``."""
        row = ended.row
        ids, log_probs, attention = [], [], []
        for step in reversed(self.steps[: ended.length]):
            parent = int(step.parents[image, row])
            ids.append(int(step.words[image, row]))
            log_probs.append(step.log_probs[image, row])
            attention.append(step.attention[image, parent])
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
    """The best finished hypotheses of one image, until it is done.

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

    def close_unless_beaten_by(self, score: float) -> None:
        """Close for good if full and a hypothesis of this score would not enter.

        Other images of the batch may go on: what they wait for must not change this one.
        """
        full = len(self.ended) == self.width
        self.closed |= full and self.ended[-1].score >= score
