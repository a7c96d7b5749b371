"""What ``/diagnostics`` makes of the counts of frames and of the model."""

from types import SimpleNamespace

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from ros2_captioner.ros.node.diagnostics import (
    camera_status,
    diagnostic_array,
    model_status,
    model_values,
)
from ros2_captioner.stream.statistics import Statistics

CAMERA = "/front/image_raw"


@pytest.fixture
def statistics(clock):
    return Statistics([CAMERA])


def status(statistics, problem=""):
    return camera_status("/captioner", statistics.report()[0], problem)


@pytest.mark.parametrize(
    ("problem", "message"), [("", "no frame for 6 s"), ("not published", "not published")]
)
def test_a_silent_camera_is_stale_and_says_why(clock, statistics, problem, message):
    clock.now_s += 6
    found = status(statistics, problem)
    assert found.level == DiagnosticStatus.STALE and found.message == message


def test_a_camera_that_is_not_subscribed_to_is_ok_and_says_why(clock, statistics):
    clock.now_s += 60
    found = camera_status("/captioner", statistics.report()[0], "", "the node is inactive")
    assert found.level == DiagnosticStatus.OK
    assert found.message == "not subscribed to: the node is inactive"


def test_a_slow_camera_is_stale_after_three_of_its_periods(clock, statistics):
    for _ in range(4):
        clock.now_s += 10
        statistics.received(CAMERA)
        statistics.captioned(CAMERA, 0.1)
    clock.now_s += 29
    assert status(statistics).level == DiagnosticStatus.OK
    clock.now_s += 2
    assert status(statistics).level == DiagnosticStatus.STALE


def test_a_pause_is_no_silence(clock, statistics):
    statistics.received(CAMERA)
    clock.now_s += 60
    statistics.go_on()
    assert status(statistics).level == DiagnosticStatus.OK


def test_a_camera_whose_frames_are_captioned_is_ok(statistics):
    statistics.received(CAMERA)
    statistics.captioned(CAMERA, 0.1)
    found = status(statistics)
    assert (found.level, found.hardware_id) == (DiagnosticStatus.OK, CAMERA)
    assert {v.key: v.value for v in found.values}["captioned"] == "1"


def test_levels_follow_what_happened_since_the_last_report(statistics):
    statistics.received(CAMERA)
    assert statistics.refused(CAMERA, "truncated", "found 3 bytes") == 1
    assert status(statistics).level == DiagnosticStatus.ERROR
    statistics.received(CAMERA)
    assert status(statistics).level == DiagnosticStatus.OK
    statistics.captioned(CAMERA, 0.1)
    assert statistics.refused(CAMERA, "truncated", "found 4 bytes") == 2
    found = status(statistics)
    assert found.level == DiagnosticStatus.WARN and found.message == "found 4 bytes"
    values = {v.key: v.value for v in found.values}
    assert values["dropped: truncated"] == "2" and values["last error"] == "found 4 bytes"


@pytest.mark.parametrize("reason", ["unchanged", "unsure"])
def test_one_bad_frame_among_good_ones_without_a_caption_is_a_warning(statistics, reason):
    statistics.received(CAMERA)
    statistics.dropped(CAMERA, reason)
    statistics.received(CAMERA)
    statistics.refused(CAMERA, "truncated", "found 3 bytes")
    assert status(statistics).level == DiagnosticStatus.WARN


def test_a_recalled_frame_that_is_refused_is_an_error(statistics):
    statistics.received(CAMERA)
    statistics.dropped(CAMERA, "unchanged")
    assert status(statistics).level == DiagnosticStatus.OK
    statistics.recalled(CAMERA, "unchanged")
    statistics.refused(CAMERA, "inference_failed", "the device is lost")
    assert status(statistics).level == DiagnosticStatus.ERROR


def test_drops_on_purpose_are_no_fault(statistics):
    statistics.received(CAMERA)
    statistics.dropped(CAMERA, "replaced")
    found = status(statistics)
    assert found.level == DiagnosticStatus.OK
    assert {v.key: v.value for v in found.values}["dropped: replaced"] == "1"


def test_a_camera_that_loses_many_frames_is_a_warning_until_they_come_again(clock, statistics):
    for _ in range(40):
        clock.now_s += 0.1
        statistics.received(CAMERA)
    statistics.lost(CAMERA, 10)
    assert status(statistics).level == DiagnosticStatus.OK
    statistics.lost(CAMERA, 1)
    found = status(statistics, "publish JPEG")
    assert found.level == DiagnosticStatus.WARN and found.message == "publish JPEG"
    assert status(statistics).message == "many frames are lost on the way"
    clock.now_s += 5
    statistics.received(CAMERA)
    found = status(statistics)
    assert found.level == DiagnosticStatus.OK
    assert {v.key: v.value for v in found.values}["lost on the way"] == "11"


def test_frames_that_were_lost_before_a_pause_are_no_warning(statistics):
    statistics.lost(CAMERA, 10**9)
    statistics.go_on()
    assert status(statistics).level == DiagnosticStatus.OK


def test_the_last_frame_of_a_slow_camera_tells_until_the_next(statistics):
    """A camera of 0.3 Hz sends nothing in most periods of a second."""
    statistics.received(CAMERA)
    statistics.refused(CAMERA, "short_data", "cut")
    assert [status(statistics).level for _ in range(3)] == [DiagnosticStatus.ERROR] * 3
    statistics.received(CAMERA)
    statistics.captioned(CAMERA, 0.1)
    assert [status(statistics).level for _ in range(3)] == [DiagnosticStatus.OK] * 3
    statistics.refused(CAMERA, "short_data", "cut")
    assert status(statistics).level == DiagnosticStatus.ERROR
    statistics.refused(CAMERA, "short_data", "cut")  # not told yet as the node pauses
    statistics.go_on()
    assert status(statistics).level == DiagnosticStatus.OK


@pytest.mark.parametrize(
    ("failure", "fault", "level", "message"),
    [
        ("cannot configure: no disk", "", DiagnosticStatus.ERROR, "cannot configure: no disk"),
        ("", "captioning failed: x", DiagnosticStatus.WARN, "captioning failed: x"),
    ],
)
def test_failures_of_the_node_are_told(failure, fault, level, message):
    found = model_status(
        "captioner",
        rests="",
        trouble="",
        hangs_s=0.0,
        model={} if failure else {"name": "m"},
        latencies_s=(None, None),
        failure=failure,
        fault=fault,
    )
    assert (found.level, found.message, found.name) == (level, message, "captioner: model")


@pytest.mark.parametrize(
    ("rests", "trouble", "hangs_s", "model", "level", "message"),
    [
        ("", "", 0.0, {"name": "m"}, DiagnosticStatus.OK, "captioning"),
        ("nobody", "", 0.0, {"name": "m"}, DiagnosticStatus.OK, "nobody"),
        ("", "", 1.9, {"name": "m"}, DiagnosticStatus.ERROR, "one batch has taken 1.9 s so far"),
        (
            "",
            "x failed; y takes over",
            0.0,
            {"name": "m"},
            DiagnosticStatus.WARN,
            "x failed; y takes over",
        ),
        ("unconfigured", "", 0.0, {}, DiagnosticStatus.WARN, "unconfigured"),
    ],
)
def test_model_levels(rests, trouble, hangs_s, model, level, message):
    found = model_status(
        "/captioner",
        rests=rests,
        trouble=trouble,
        hangs_s=hangs_s,
        model=model,
        latencies_s=(0.07, None),
    )
    assert (found.level, found.message) == (level, message)
    values = {v.key: v.value for v in found.values}
    assert values["latency p50 (ms)"] == "70" and values["latency p95 (ms)"] == ""
    assert 0 < int(values["peak memory (MiB)"]) < 20_000
    assert diagnostic_array(Time(sec=3), [found]).header.stamp.sec == 3


def test_a_name_of_a_model_that_is_no_text_can_be_published():
    bundle = SimpleNamespace(manifest={"name": "gr\udcfcn"}, digest="")
    backend = SimpleNamespace(name="", device="", precision="")
    values = model_values(SimpleNamespace(bundle=bundle, backend=backend, reason=""))
    assert values["name"] == r"gr\udcfcn"
