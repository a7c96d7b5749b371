"""Backends that fail, fall back and come back."""

from types import SimpleNamespace

import pytest

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
    """Restore as the captioner does, until the search for a better backend has ended."""
    failover.restore()
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


def test_a_better_backend_is_not_tried_before_its_time():
    best = Loader("a")
    failover = Failover([best, Loader("b")], retry_s=1000)
    failover.replace(LOST)
    assert restored(failover) == "b" and best.loads == 1


def test_the_only_one_is_loaded_anew_but_not_again_at_once():
    only = Loader("a")
    failover = Failover([only], retry_s=1000)
    failover.replace(LOST)
    assert only.loads == 2 and "reloaded" in failover.trouble
    with pytest.raises(BackendError, match="lost"):
        failover.replace(LOST)
    assert only.loads == 2


def test_trouble_that_does_not_come_again_is_forgotten():
    failover = Failover([Loader("a")], retry_s=0)
    failover.replace(LOST)
    failover.restore()
    assert not failover.trouble
