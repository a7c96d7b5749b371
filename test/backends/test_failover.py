"""Backends that fail, fall back and come back."""

from types import SimpleNamespace

import pytest

from ros2_captioner.backends.background import LONGEST_PAUSE_S
from ros2_captioner.backends.failover import Failover
from ros2_captioner.errors import BackendError

LOST = BackendError("the device is lost")


class Loader:
    """Loads a named backend while it is able."""

    def __init__(self, name, able=True):
        self.name, self.able, self.loads = name, able, 0

    def __call__(self):
        self.loads += 1
        if not self.able:
            raise BackendError(f"no {self.name}")
        return SimpleNamespace(name=self.name, device="cpu")


def restored(failover):
    """Restore as the captioner does, until an attempt at a better backend that begins now ended.

    One that began before may have found it unable yet.
    """
    for _ in range(2):
        if failover._search is not None:
            failover._search.join()
        failover.restore()
    return failover.backend.name


def test_the_best_that_loads_is_taken():
    failover = Failover([Loader("a", able=False), Loader("b")])
    assert failover.backend.name == "b" and failover.trouble == "no a; b on cpu takes over"


def test_when_nothing_loads_the_best_says_why():
    with pytest.raises(BackendError, match="no a"):
        Failover([Loader("a", able=False), Loader("b", able=False)])


def test_the_next_takes_over_and_the_better_comes_back():
    best = Loader("a")
    failover = Failover([best, Loader("b")], retry_s=0)
    best.able = False
    failover.replace(LOST)
    assert failover.backend.name == "b"
    assert failover.trouble == "a on cpu failed (the device is lost); b on cpu takes over"
    assert restored(failover) == "b" and failover.trouble
    best.able = True
    assert restored(failover) == "a" and not failover.trouble


def test_when_the_second_best_comes_back_the_best_is_still_told_of_and_tried():
    best, second = Loader("a"), Loader("b")
    failover = Failover([best, second, Loader("c")], retry_s=0)
    best.able = second.able = False
    failover.replace(LOST)
    assert failover.backend.name == "c"
    second.able = True
    assert restored(failover) == "b" and failover.trouble == "no a; b on cpu takes over"
    assert restored(failover) == "b" and failover.trouble == "no a; b on cpu takes over"
    best.able = True
    assert restored(failover) == "a" and not failover.trouble


def test_after_the_second_best_came_back_the_best_waits_for_its_time():
    best, second, slow = Loader("a", able=False), Loader("b", able=False), Loader("b")
    failover = Failover([best, second, Loader("c")], retry_s=1000, builders=[best, slow])
    assert restored(failover) == "b"
    assert restored(failover) == "b" and best.loads == 2


def test_a_better_backend_is_not_tried_before_its_time():
    best = Loader("a")
    failover = Failover([best, Loader("b")], retry_s=1000)
    failover.replace(LOST)
    assert restored(failover) == "b" and best.loads == 1
    failover.succeeded()
    assert failover.trouble


def test_the_only_one_is_reloaded_but_not_again_at_once():
    only = Loader("a")
    failover = Failover([only], retry_s=1000)
    failover.replace(LOST)
    assert only.loads == 2 and "reloaded" in failover.trouble
    with pytest.raises(BackendError, match="lost"):
        failover.replace(LOST)
    assert only.loads == 2


def test_a_fallback_that_fails_just_after_it_took_over_is_reloaded_once():
    """It was loaded because the other had failed, and has not been reloaded yet."""
    other = Loader("b")
    failover = Failover([Loader("a"), other], retry_s=1000)
    failover.replace(LOST)
    failover.replace(LOST)
    assert other.loads == 2 and failover.trouble == "b on cpu failed (the device is lost); reloaded"
    with pytest.raises(BackendError, match="lost"):
        failover.replace(LOST)


def test_a_better_one_that_came_back_may_fail_just_after_its_fallback_was_reloaded(clock):
    failover = Failover([Loader("a"), Loader("b")], retry_s=30)
    failover.replace(LOST)
    clock.now_s += 29
    failover.replace(LOST)
    clock.now_s += 1
    assert restored(failover) == "a"
    failover.replace(LOST)
    assert failover.backend.name == "b"


def test_from_one_fallback_to_the_next_nobody_reads_that_all_is_well():
    """The node looks on from another thread, and would log that the runtime works again."""
    seen = []

    class Watched(Failover):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            seen.append(getattr(self, "trouble", None))

    best, second = Loader("a", able=False), Loader("b")
    failover = Watched([best, second, Loader("c")], retry_s=0)
    seen.clear()
    second.able = False
    failover.replace(LOST)
    assert failover.backend.name == "c"
    second.able = True
    assert restored(failover) == "b" and all(seen)


def test_trouble_that_does_not_come_again_is_forgotten_once_a_batch_went_well():
    """Before, the runtime that was reloaded may have failed ever since."""
    failover = Failover([Loader("a")], retry_s=0)
    failover.replace(LOST)
    failover.restore()
    assert failover.trouble == "a on cpu failed (the device is lost); reloaded"
    failover.succeeded()
    assert not failover.trouble


def test_the_only_one_that_does_not_load_again_is_told_of():
    only = Loader("a")
    failover = Failover([only], retry_s=1000)
    only.able = False
    with pytest.raises(BackendError, match="no a"):
        failover.replace(LOST)
    assert failover.trouble == "a on cpu failed (the device is lost)"


def test_one_that_comes_back_only_to_fail_is_tried_ever_less(clock):
    failover = Failover([Loader("a"), Loader("b")], retry_s=30)

    def pause_s():
        failover.replace(LOST)
        begun_s = clock.now_s
        while restored(failover) == "b":
            clock.now_s += 10
        return clock.now_s - begun_s

    pauses_s = [pause_s() for _ in range(9)]
    assert pauses_s[:4] == [30, 60, 120, 240] and max(pauses_s) == LONGEST_PAUSE_S
    clock.now_s += LONGEST_PAUSE_S - 10  # it worked, but not for as long as the last pause
    assert pause_s() == LONGEST_PAUSE_S
    clock.now_s += LONGEST_PAUSE_S  # it worked
    assert pause_s() == 30


@pytest.mark.parametrize("error", [OSError("disk full"), MemoryError(), RuntimeError("builder")])
def test_whatever_a_loader_raises_the_next_is_taken(error):
    def failing():
        raise error

    failover = Failover([failing, Loader("b")])
    assert failover.backend.name == "b" and type(error).__name__ in failover.trouble


def test_what_takes_long_is_done_in_the_background_alone():
    quick, slow = Loader("a", able=False), Loader("a")
    failover = Failover([quick, Loader("b")], builders=[slow, Loader("b")])
    assert failover.backend.name == "b" and slow.loads == 0
    assert restored(failover) == "a" and (quick.loads, slow.loads) == (1, 1)


def test_what_fails_in_the_background_is_told():
    slow = Loader("engine", able=False)
    failover = Failover([Loader("a", able=False), Loader("b")], retry_s=1000, builders=[slow])
    assert restored(failover) == "b"
    assert failover.trouble == "no engine; b on cpu takes over"
    assert restored(failover) == "b" and slow.loads == 1


def test_when_none_of_the_others_loads_the_failed_one_is_reloaded_but_not_each_time():
    best, other = Loader("a"), Loader("b", able=False)
    failover = Failover([best, other], retry_s=1000)
    failover.replace(LOST)
    assert failover.backend.name == "a" and "reloaded" in failover.trouble
    with pytest.raises(BackendError, match="lost"):
        failover.replace(LOST)
    assert (best.loads, other.loads) == (2, 1)


def test_a_fallback_that_fails_is_reloaded_and_the_better_one_still_looked_for():
    best, other = Loader("a"), Loader("b")
    failover = Failover([best, other], retry_s=0)
    best.able = False
    failover.replace(LOST)
    failover.replace(LOST)
    assert failover.backend.name == "b" and other.loads == 2
    best.able = True
    assert restored(failover) == "a"
