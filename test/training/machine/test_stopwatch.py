"""Where the time of an epoch goes."""

from training.machine.stopwatch import Stopwatch


def test_laps_add_up_by_name():
    times = iter([10.0, 11.0, 14.0, 15.0, 20.0])
    watch = Stopwatch(lambda: next(times))
    for name in ("reading", "steps", "reading", "validation"):
        watch.lap(name)
    assert (watch["reading"], watch["steps"], watch["validation"]) == (2, 3, 5)
    assert watch.total == 10
    assert str(watch) == "reading 20%, steps 30%, validation 50%"


def test_nothing_done_is_no_division_by_zero():
    watch = Stopwatch(lambda: 1.0)
    watch.lap("reading")
    assert (watch.total, str(watch)) == (0, "reading 0%")
