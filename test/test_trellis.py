"""Paths through the steps of a search, and the pool of those that ended."""

import numpy as np

from ros2_captioner.trellis import Ended, Pool, Step, Trellis


def step(parents, words):
    """One picture, two beams; a word's log-probability and attention tell which it is."""
    words = np.array([words], np.int32)
    attention = np.array([[[10.0, 0.0], [20.0, 0.0]]], np.float32)
    return Step(np.array([parents]), words, -words.astype(np.float32), attention)


def two_steps():
    trellis = Trellis(1, 2)
    trellis.add(step([0, 0], [3, 4]))
    trellis.add(step([1, 0], [5, 6]))
    return trellis


def test_a_path_follows_its_parents():
    found = two_steps().hypothesis(0, Ended(-1.5, 2, 0))
    assert found.ids == (4, 5) and found.score == -1.5
    assert found.log_probs.tolist() == [-4.0, -5.0]
    # The first word was predicted in row 0, the second in row 1, which carried it on.
    assert found.attention.tolist() == [[10.0, 0.0], [20.0, 0.0]]


def test_a_path_may_end_before_the_last_step_or_at_once():
    assert two_steps().hypothesis(0, Ended(-1.0, 1, 1)).ids == (4,)
    empty = two_steps().hypothesis(0, Ended(-1.0, 0, 0))
    assert empty.ids == () and empty.attention.shape == (0, 2)


def test_the_words_of_every_live_row():
    assert two_steps().words.tolist() == [[[4, 5], [3, 6]]]
    assert Trellis(1, 2).words.shape == (1, 2, 0)


def test_a_pool_keeps_the_best_and_takes_nothing_once_closed():
    pool = Pool(2)
    for score in (-3.0, -1.0, -np.inf, -2.0):
        pool.add(Ended(score, 1, 0))
    assert [ended.score for ended in pool.ended] == [-1.0, -2.0]
    pool.close_to(-1.5)
    assert not pool.closed
    pool.close_to(-2.5)
    pool.add(Ended(-0.5, 1, 0))
    assert pool.closed and [ended.score for ended in pool.ended] == [-1.0, -2.0]
