"""Backends that fail, fall back and come back."""

from types import SimpleNamespace

import pytest

from ros2_captioner.backends.standby import Standby
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


def restored(standby):
    """Restore as the captioner does, until the search for a better backend has ended."""
    standby.restore()
    if standby._search is not None:
        standby._search.join()
    standby.restore()
    return standby.backend.name


def test_the_best_that_loads_is_taken():
    standby = Standby([Loader("a", able=False), Loader("b")])
    assert standby.backend.name == "b" and standby.trouble == "no a; b on cpu goes on"


def test_when_nothing_loads_the_best_says_why():
    with pytest.raises(BackendError, match="no a"):
        Standby([Loader("a", able=False), Loader("b", able=False)])


def test_the_next_takes_over_and_the_better_comes_back():
    best = Loader("a")
    standby = Standby([best, Loader("b")], retry_s=0)
    best.able = False
    standby.replace(LOST)
    assert standby.backend.name == "b"
    assert standby.trouble == "a on cpu failed (the device is lost); b on cpu goes on"
    assert restored(standby) == "b" and standby.trouble
    best.able = True
    assert restored(standby) == "a" and not standby.trouble


def test_a_better_backend_is_not_tried_before_its_time():
    best = Loader("a")
    standby = Standby([best, Loader("b")], retry_s=1000)
    standby.replace(LOST)
    assert restored(standby) == "b" and best.loads == 1


def test_the_only_one_is_loaded_anew_but_not_again_at_once():
    only = Loader("a")
    standby = Standby([only], retry_s=1000)
    standby.replace(LOST)
    assert only.loads == 2 and "loaded anew" in standby.trouble
    with pytest.raises(BackendError, match="lost"):
        standby.replace(LOST)
    assert only.loads == 2


def test_trouble_that_does_not_come_again_is_forgotten():
    standby = Standby([Loader("a")], retry_s=0)
    standby.replace(LOST)
    standby.restore()
    assert not standby.trouble
