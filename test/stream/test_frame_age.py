"""How old a frame is, and what is told of one that is too old; its limit is two seconds here."""

from types import SimpleNamespace

import pytest

from ros2_captioner.errors import FrameError
from ros2_captioner.stream.frame_age import frame_age_s, is_fresh
from ros2_captioner.stream.frames import ReceivedImage

LIMIT_S = 2.0


def frame(stamp_s, clock_s, received_s=0.0):
    stamp = SimpleNamespace(sec=stamp_s, nanosec=0)
    message = SimpleNamespace(header=SimpleNamespace(stamp=stamp))
    return ReceivedImage("/camera/image_raw", message, received_s, round(clock_s * 1e9))


def judged(received, age_s, waited_s=0.0, limit_s=LIMIT_S):
    """Whether it is fresh, or why it is refused."""
    try:
        return is_fresh(received, age_s, waited_s, limit_s)
    except FrameError as error:
        return error.reason


def test_a_frame_is_as_old_as_its_stamp_and_without_one_as_its_arrival(clock):
    assert frame_age_s(frame(100, 101), 103 * 10**9) == pytest.approx(3.0)
    assert frame_age_s(frame(0, 101, received_s=clock.now_s - 0.5), 103 * 10**9) == 0.5


@pytest.mark.parametrize(
    ("arrived_s", "age_s", "waited_s", "expected"),
    [
        (0.0, 2.0, 0.0, True),
        (-2.0, -2.0, 0.0, True),
        (2.1, 2.1, 0.0, "too_old"),
        (1.5, 2.5, 1.0, "too_late"),  # each of them alone would do
        (1.5, 2.5, 0.5, False),  # the rest of its wait was not the model's doing
        (-2.1, -2.1, 0.0, "future_stamp"),
        (-3.0, 3.0, 0.0, False),  # the clock was set forward meanwhile, or back
        (0.5, -3.0, 0.0, False),
    ],
)
def test_what_made_a_frame_too_old_is_told(arrived_s, age_s, waited_s, expected):
    assert judged(frame(100, 100 + arrived_s), age_s, waited_s) == expected


@pytest.mark.parametrize(
    ("age_s", "waited_s", "expected"),
    [(1.9, 0.0, True), (2.1, 2.1, "too_late"), (2.1, 0.0, False)],
)
def test_a_frame_without_a_stamp_was_new_when_it_arrived(age_s, waited_s, expected):
    assert judged(frame(0, 1_700_000_000), age_s, waited_s) == expected


def test_without_a_limit_any_time_will_do_but_no_negative_one():
    assert judged(frame(1, 1_700_000_000), 1.7e9, limit_s=0.0) is True
    assert judged(frame(-1, 1_700_000_000), 1.7e9, limit_s=0.0) == "bad_stamp"
