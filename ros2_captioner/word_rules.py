"""Which words may not come next in a caption, whatever the model thinks of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_NO_WORD = -1  # no word has this id


class WordRules:
    """Rules for the words of a caption, all of them ids of one vocabulary.

    Args:
        end: the end token.
        never: words that are never chosen.
        phrases: words that never follow each other so, at least two each.
        once: words that no caption holds twice.
        never_last: words and phrases that the end token never follows.
        min_length: words before the end token may come.
        no_repeat_ngram: no sequence of this many words occurs twice, nor a word twice running;
            0 allows both.
    """

    def __init__(
        self,
        *,
        end: int,
        never: Sequence[int] = (),
        phrases: Sequence[Sequence[int]] = (),
        once: Sequence[int] = (),
        never_last: Sequence[Sequence[int]] = (),
        min_length: int = 0,
        no_repeat_ngram: int = 0,
    ) -> None:
        self._end = end
        last_words = [ids[0] for ids in never_last if len(ids) == 1]
        self._never, self._once, self._never_last = (
            np.asarray(list(ids), np.int32) for ids in (never, once, last_words)
        )
        self._phrases = phrases
        self._last_phrases = [ids for ids in never_last if len(ids) > 1]
        self._min_length = min_length
        self._no_repeat_ngram = no_repeat_ngram

    def forbidden(
        self, history: NDArray[np.int32], candidates: NDArray[np.int32]
    ) -> NDArray[np.bool_]:
        """Which candidates may not come next.

        Args:
            history: int32 ``[B, K, T]``, the words of each beam so far.
            candidates: int32 ``[B, K, k]``.

        Returns:
            bool ``[B, K, k]``.
        """
        veto = _among(candidates, self._never)
        if not history.shape[2]:
            veto |= (candidates == self._end) & (self._min_length > 0)
            return veto
        veto |= (candidates == self._end) & self._unfinished(history)[:, :, None]
        veto |= _named_again(history, candidates, self._once)
        for phrase in self._phrases:
            veto |= _completes(history, candidates, phrase)
        if self._no_repeat_ngram:
            veto |= _repeats(history, candidates, self._no_repeat_ngram)
        return veto

    def _unfinished(self, history: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which captions ``[B, K]`` may not end here."""
        too_short = history.shape[2] < self._min_length
        unfinished = np.asarray(_among(history[:, :, -1], self._never_last) | too_short)
        for phrase in self._last_phrases:
            unfinished |= _ends_with(history, phrase)
        return unfinished


def _among(ids: NDArray[np.int32], some: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which ids are some of those; faster than np.isin for so few."""
    return np.asarray((ids[..., None] == some).any(axis=-1))


def _named_again(
    history: NDArray[np.int32], candidates: NDArray[np.int32], once: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which candidates ``[B, K, k]`` are words of ``once`` that ``history`` holds already."""
    again = np.asarray((candidates[..., None] == history[:, :, None]).any(axis=-1))
    again[again] = _among(candidates[again], once)  # few are left to look for
    return again


def _completes(
    history: NDArray[np.int32], candidates: NDArray[np.int32], phrase: Sequence[int]
) -> NDArray[np.bool_]:
    """Which candidates ``[B, K, k]`` are the last word of a phrase that ``history`` ends with."""
    *begun, last = phrase
    return np.asarray(_ends_with(history, begun)[:, :, None] & (candidates == last))


def _ends_with(history: NDArray[np.int32], phrase: Sequence[int]) -> NDArray[np.bool_]:
    """Which of the captions so far, ``[B, K]``, end with a phrase."""
    if history.shape[2] < len(phrase):
        return np.zeros(history.shape[:2], np.bool_)
    return np.asarray((history[:, :, -len(phrase) :] == phrase).all(axis=2))


def _repeats(
    history: NDArray[np.int32], candidates: NDArray[np.int32], n: int
) -> NDArray[np.bool_]:
    """Which candidates ``[B, K, k]`` complete an n-gram of ``history`` ``[B, K, T]``, T above 0.

    Or are its last word, as in "a tall tall tower".
    """
    doubled = np.asarray(candidates == history[:, :, -1:])
    count = history.shape[2] - n + 1  # of n-grams so far
    if count <= 0:
        return doubled
    last_words = history[:, :, n - 1 :]
    begun_again = np.ones(last_words.shape, np.bool_)
    for place in range(n - 1):
        begun_again &= history[:, :, place : place + count] == history[:, :, count + place, None]
    forbidden = np.where(begun_again, last_words, _NO_WORD)
    return np.asarray(doubled | (candidates[..., None] == forbidden[:, :, None]).any(axis=-1))
