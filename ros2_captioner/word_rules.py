"""Which words may not come next in a caption, whatever the model thinks of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class WordRules:
    """Rules for the words of a caption, all of them ids of one vocabulary.

    Args:
        end: the end token.
        never: words and phrases that no caption holds.
        never_last: words and phrases that the end token never follows.
        once: words that no caption holds twice.
        min_length: words before the end token may come.
        no_repeat_ngram: no sequence of this many words occurs twice, nor a word twice running;
            0 allows both.

    Attributes:
        end: as given.
    """

    def __init__(
        self,
        *,
        end: int,
        never: Sequence[Sequence[int]] = (),
        never_last: Sequence[Sequence[int]] = (),
        once: Sequence[int] = (),
        min_length: int = 0,
        no_repeat_ngram: int = 0,
    ) -> None:
        self.end = end
        self._never, self._never_phrases = _words_and_phrases(never)
        self._never_last, self._never_last_phrases = _words_and_phrases(never_last)
        self._once = _Ids(once)
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
        veto = self._never.among(candidates)
        if not history.shape[2]:
            veto |= (candidates == self.end) & (self._min_length > 0)
            return veto
        veto |= (candidates == self.end) & self._unfinished(history)[:, :, None]
        veto |= self._repeated(history, candidates)
        for phrase in self._never_phrases:
            veto |= _completes(history, candidates, phrase)
        return veto

    def _unfinished(self, history: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which captions ``[B, K]`` may not end here."""
        too_short = history.shape[2] < self._min_length
        unfinished = np.asarray(self._never_last.among(history[:, :, -1]) | too_short)
        for phrase in self._never_last_phrases:
            unfinished |= _ends_with(history, phrase)
        return unfinished

    def _repeated(
        self, history: NDArray[np.int32], candidates: NDArray[np.int32]
    ) -> NDArray[np.bool_]:
        """Which candidates ``[B, K, k]`` were said before, where that may not be."""
        said = candidates[..., None] == history[:, :, None]  # [B, K, k, T]
        barred = self._once.among(candidates)[..., None]
        if self._no_repeat_ngram:
            barred = barred | _places_that_repeat(history, self._no_repeat_ngram)[:, :, None]
        return np.asarray((said & barred).any(axis=-1))


class _Ids:
    """A set of ids as a lookup table: comparing with each would take as long as all other rules."""

    def __init__(self, ids: Sequence[int]) -> None:
        some = np.asarray(ids, np.intp)
        self._table = np.zeros(some.max(initial=0) + 2, np.bool_)
        self._table[some] = True

    def among(self, ids: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which of an array's ids are in the set; those beyond the table read its last, False."""
        return self._table.take(ids, mode="clip")


def _words_and_phrases(ids: Sequence[Sequence[int]]) -> tuple[_Ids, list[Sequence[int]]]:
    words = _Ids([each[0] for each in ids if len(each) == 1])
    return words, [each for each in ids if len(each) > 1]


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


def _places_that_repeat(history: NDArray[np.int32], n: int) -> NDArray[np.bool_]:
    """Places ``[B, K, T]`` of words that, said next, complete an n-gram of ``history`` again.

    Or are its last word, as in "a tall tall tower".
    """
    places = np.zeros(history.shape, np.bool_)
    places[:, :, -1] = True
    count = history.shape[2] - n + 1  # of n-grams so far
    if count > 0:
        begun_again = np.ones((*history.shape[:2], count), np.bool_)
        for place in range(n - 1):
            begun_again &= (
                history[:, :, place : place + count] == history[:, :, count + place, None]
            )
        places[:, :, n - 1 :] |= begun_again
    return places
