"""Counts of frames, their rates, and how long a camera is silent."""

import pytest

from ros2_captioner.stream.statistics import Statistics

CAMERA = "/front/image_raw"


@pytest.fixture
def statistics():
    return Statistics([CAMERA])


def test_the_rate_of_a_slow_camera_is_not_nought(statistics, clock):
    for _ in range(3):
        clock.now_s += 8
        statistics.received(CAMERA)
    clock.now_s += 7
    assert statistics.report()[0].rate_hz == pytest.approx(1 / 8)
    clock.now_s += 10  # it has missed one
    assert statistics.report()[0].rate_hz == 0


def test_the_rate_of_a_fast_camera_is_not_that_of_what_is_kept_of_it(statistics, clock):
    for _ in range(3000):
        clock.now_s += 1 / 400
        statistics.received(CAMERA)
    assert statistics.report()[0].rate_hz == pytest.approx(400, rel=0.01)


@pytest.mark.parametrize("seconds", [1, 4, 6])
def test_the_rate_of_a_camera_that_has_just_begun_is_its_own(seconds, statistics, clock):
    clock.now_s += 60
    for _ in range(10 * seconds):
        clock.now_s += 1 / 10
        statistics.received(CAMERA)
    assert statistics.report()[0].rate_hz == pytest.approx(10, rel=0.03)


def test_the_rate_of_a_camera_that_has_stopped_falls_to_nought(statistics, clock):
    for _ in range(30):
        clock.now_s += 1 / 10
        statistics.received(CAMERA)
    rates = []
    for _ in range(6):
        rates.append(statistics.report()[0].rate_hz)
        clock.now_s += 1
    assert rates == sorted(rates, reverse=True) and rates[-1] == 0


def test_silence_is_since_the_last_frame_and_a_pause_is_none(statistics, clock):
    for _ in range(4):
        clock.now_s += 10
        statistics.received(CAMERA)
    clock.now_s += 29
    assert statistics.silence(CAMERA) == (29, 10, True)
    statistics.go_on()
    assert statistics.silence(CAMERA) == (0, 0, True)


def test_one_frame_that_is_late_does_not_change_the_usual_gap(statistics, clock):
    for gap_s in (8, 8, 8, 24):
        clock.now_s += gap_s
        statistics.received(CAMERA)
    assert statistics.silence(CAMERA).usual_gap_s == 8


def test_a_refusal_is_told_how_many_had_the_same_fault(statistics):
    reasons = ("truncated", "too_old", "truncated")
    assert [statistics.refused(CAMERA, reason, "") for reason in reasons] == [1, 1, 2]


def test_a_frame_that_is_asked_for_after_all_is_counted_once(statistics):
    statistics.received(CAMERA)
    statistics.dropped(CAMERA, "unchanged")
    statistics.recalled(CAMERA, "unchanged")
    statistics.captioned(CAMERA, 0.1)
    report = statistics.report()[0]
    assert report.received == report.captioned == 1 and report.dropped == {}


def test_latency_quantiles(statistics):
    assert statistics.latency_s(0.5) is None
    for milliseconds in range(1, 101):
        statistics.captioned(CAMERA, milliseconds / 1000)
    assert statistics.latency_s(0.5) == pytest.approx(0.051)
    assert statistics.latency_s(0.95) == pytest.approx(0.096)


def test_a_fifth_of_the_last_five_seconds_is_not_many_and_more_is(statistics, clock):
    for _ in range(8):
        clock.now_s += 0.1
        statistics.received(CAMERA)
    statistics.lost(CAMERA, 2)
    assert not statistics.loses_many(CAMERA) and not statistics.report()[0].loses_many
    statistics.lost(CAMERA, 1)
    assert statistics.loses_many(CAMERA) and statistics.report()[0].loses_many
    clock.now_s += 5.0
    assert not statistics.loses_many(CAMERA)
    assert statistics.report()[0].lost == 3


def test_lost_frames_of_before_a_pause_are_no_longer_lately(statistics):
    statistics.lost(CAMERA, 1)
    assert statistics.loses_many(CAMERA)
    statistics.go_on()
    assert not statistics.loses_many(CAMERA) and statistics.report()[0].lost == 1


def news(statistics):
    report = statistics.report()[0]
    return report.new_good, report.new_faults


def test_news_are_of_since_the_last_report_and_stay_until_something_happens(statistics):
    assert news(statistics) == (0, 0)
    statistics.captioned(CAMERA, 0.1)
    statistics.dropped(CAMERA, "unchanged")
    statistics.dropped(CAMERA, "unsure")
    statistics.dropped(CAMERA, "expired")  # neither good nor a fault
    statistics.refused(CAMERA, "truncated", "cut")
    assert news(statistics) == news(statistics) == (3, 1)
    statistics.received(CAMERA)  # a frame that waits is something
    assert news(statistics) == (0, 0)
    statistics.refused(CAMERA, "truncated", "cut")
    assert news(statistics) == (0, 1)
    statistics.refused(CAMERA, "truncated", "cut")
    statistics.go_on()  # what was before the pause is old
    assert news(statistics) == (0, 0)
