"""Attempts in the background: one at a time, never unseen, never for ever in a row."""

import itertools
import threading

import pytest

from ros2_captioner.backends.background import LONGEST_PAUSE_S, Background


def polled(task):
    task.poll()
    task.join()
    return task.poll()


def test_a_result_stays(clock):
    task = Background(lambda: "found", 10, 0)
    assert polled(task) == "found" and polled(task) == "found"


def test_the_first_attempt_waits_until_it_is_due(clock):
    task = Background(lambda: "found", 10, first_s=5)
    assert polled(task) is None
    clock.now_s += 5
    assert polled(task) == "found"


def test_the_pause_counts_from_the_end_of_an_attempt_and_doubles(clock):
    begun = []

    def fail():
        begun.append(clock.now_s)
        clock.now_s += 300  # a build of five minutes
        raise OSError("disk full")

    task = Background(fail, 30, 0)
    for _ in range(1000):
        polled(task)
        clock.now_s += 10
    pauses = [later - earlier - 300 for earlier, later in itertools.pairwise(begun)]
    assert task.error == "disk full"
    assert pauses[:4] == [30, 60, 120, 240] and max(pauses) <= LONGEST_PAUSE_S
    assert len(begun) < 15


@pytest.mark.parametrize("error", [OSError("full"), MemoryError(), SystemError("x"), KeyError("k")])
def test_no_error_is_lost(clock, error):
    def fail():
        raise error

    task = Background(fail, 10, 0)
    assert polled(task) is None and task.error


def test_the_attempts_of_two_searches_follow_each_other():
    """An engine takes minutes and most of a GPU; the second search finds it in the cache."""
    both = threading.Barrier(2)
    tasks = [Background(lambda: both.wait(0.2), 10, 0) for _ in range(2)]
    for task in tasks:
        task.poll()
    for task in tasks:
        assert polled(task) is None and task.error == "BrokenBarrierError"
