"""The worker on a bench: every frame is counted once, for what really happened to it."""

import threading
from functools import partial

import pytest
from bench import FRONT, REAR, Bench, wait_for

from ros2_captioner.captions import Caption
from ros2_captioner.errors import BackendError


@pytest.fixture
def bench(monkeypatch):
    """A function that makes a bench whose clocks stand still."""
    made = []

    def make(*cameras, **settings):
        made.append(Bench(*cameras, **settings))
        return made[-1]

    monkeypatch.setattr("time.monotonic", lambda: made[-1].now_s if made else 1000.0)
    return make


def fail(error):
    def raising(*arguments):
        raise error

    return raising


# A request, and the scene gate.


def test_a_request_captions_the_newest_frame_of_a_still_scene(bench):
    with bench([FRONT], scene_change_threshold=0.02, max_silence_s=0.0) as it:
        for _ in range(36):
            it.put()
            it.settle()
            it.now_s += 5  # older than max_frame_age_s
            it.put()
            assert it.settle()[FRONT]["captioned"] == len(it.published)
            asked = len(it.published)
            answer = it.ask()
            assert answer.success and answer.message == "brightness 100"
            assert len(it.published) == asked + 1
        counts = it.settle()[FRONT]
        assert counts == {"captioned": 37, "unchanged": 35} and not it.log.lines


def test_a_request_does_not_caption_a_frame_twice(bench):
    with bench([FRONT], scene_change_threshold=0.02) as it:
        it.put()
        it.settle()
        assert it.ask().success and it.ask().success
        assert len(it.published) == 1


def test_a_request_never_goes_back_to_a_frame_that_a_newer_one_followed(bench):
    with bench([FRONT], scene_change_threshold=0.02) as it:
        for brightness in (100, 100, 200):
            it.put(brightness=brightness)
            it.settle()
        assert it.ask().message == "brightness 200" and len(it.published) == 2
        it.put(brightness=200)
        it.settle()  # unchanged, and held back
        it.wanted = False
        it.put(brightness=50)
        assert it.ask().message == "brightness 50" and len(it.published) == 3
        assert it.settle()[FRONT] == {"captioned": 3, "unchanged": 2}


def test_a_caption_that_takes_longer_than_the_age_limit_answers_the_request(bench):
    with bench([FRONT], max_frame_age_s=0.5) as it:
        it.wanted = False
        it.model.on_batch = lambda pictures: setattr(it, "now_s", it.now_s + 2)
        it.put()
        assert it.ask() == (True, "brightness 100")
        assert it.ask() == (False, "no frame newer than 0.5 s")


def test_a_request_is_told_of_a_frame_that_waited_too_long(bench):
    with bench([FRONT]) as it:
        it.wanted = False
        it.put()
        it.now_s += 60
        assert it.ask() == (False, "no frame newer than 2.0 s")


def test_a_request_is_not_answered_before_its_frames_are_taken(bench):
    """The worker may turn after the request was noted, and before it asked for all frames."""
    with bench([FRONT]) as it:
        it.wanted = False
        it.put()
        turns, flush, patience_s = [], it.mailbox.flush, it.worker._patience_s
        it.worker._patience_s = lambda: (turns.append(1), patience_s())[1]

        def late():
            begun = len(turns)
            wait_for(lambda: len(turns) >= begun + 2)
            flush()

        it.mailbox.flush = late
        assert it.ask() == (True, "brightness 100")


def test_a_request_for_a_caption_without_words_is_told_why(bench):
    with bench([FRONT]) as it:
        empty = Caption("", float("-inf"), (), (), None)
        it.model.caption = lambda pictures, options: type(
            "Batch", (), {"captions": (empty,), "timing": None}
        )
        it.put()
        it.settle()
        answer = it.ask()
        assert not answer.success and "no words" in answer.message


def test_a_request_has_a_line_of_its_own_for_each_camera(bench):
    with bench() as it:
        it.wanted = False
        it.put(FRONT)
        silent = f"{REAR}: no frame has come yet; see /diagnostics"
        assert it.ask() == (True, f"{FRONT}: brightness 100\n{silent}")
        it.put(FRONT, age_s=60.0)
        success, message = it.ask()
        refused = message.splitlines()[0]
        assert not success and refused.startswith(f"{FRONT}: found") and refused.count(FRONT) == 1


@pytest.mark.parametrize("stage", ["model", "publisher"])
def test_a_caption_that_failed_leaves_the_scene_gate_open(bench, stage):
    with bench(scene_change_threshold=0.02, max_silence_s=0.0) as it:
        if stage == "model":
            it.model.on_batch = fail(BackendError("the device is lost"))
        else:
            it.on_publish = fail(RuntimeError("the publisher is gone"))
        it.put()
        it.settle()
        it.model.on_batch = it.on_publish = lambda argument: None
        for _ in range(3):
            it.put()
            it.settle()
        assert len(it.published) == 1
        assert it.counts()[FRONT]["captioned"] == 1 and it.counts()[FRONT]["unchanged"] == 2


# One camera's bad frame.


def broken_conversion(it, monkeypatch):
    convert = "ros2_captioner.ros.node.worker.message_to_rgb"
    real = __import__("ros2_captioner.images.conversion", fromlist=[""]).message_to_rgb
    monkeypatch.setattr(
        convert, lambda message: fail(MemoryError())() if message.data[0] == 1 else real(message)
    )


def broken_gate(it, monkeypatch):
    real = type(it.worker._gates[FRONT]).passes
    monkeypatch.setattr(
        "ros2_captioner.stream.scene_gate.SceneGate.passes",
        lambda gate, frame, *rest: (
            fail(ValueError("no shape"))() if frame[0, 0, 0] == 1 else real(gate, frame, *rest)
        ),
    )


def broken_inference(it, monkeypatch):
    it.model.on_batch = lambda pictures: (
        fail(RuntimeError("out of memory"))() if any(p[0, 0, 0] == 1 for p in pictures) else None
    )


def broken_publisher(it, monkeypatch):
    it.on_publish = lambda frame: (
        fail(OSError("no space"))() if frame.picture[0, 0, 0] == 1 else None
    )


@pytest.mark.parametrize(
    ("break_it", "reason", "said"),
    [
        (None, "bad_stamp", "found a stamp of -5 s"),
        (broken_conversion, "conversion_failed", "conversion failed: MemoryError"),
        (broken_gate, "scene_gate_failed", "scene gate failed: ValueError: no shape"),
        (broken_inference, "inference_failed", "inference failed: RuntimeError: out of memory"),
        (broken_publisher, "publishing_failed", "publishing failed: OSError: no space"),
    ],
)
@pytest.mark.parametrize("order", [(FRONT, REAR), (REAR, FRONT)])
def test_a_bad_frame_costs_no_other_and_is_named_for_what_failed(
    bench, monkeypatch, break_it, reason, said, order
):
    it = bench(scene_change_threshold=0.02)
    if break_it is not None:
        break_it(it, monkeypatch)
    for camera in order:
        if camera == FRONT:
            it.put(FRONT, brightness=1, stamp_s=None if break_it else -5.0)
        else:
            it.put(REAR)
    with it:
        assert it.settle() == {
            FRONT: {"captioned": 0, reason: 1},
            REAR: {"captioned": 1},
        }
        (line,) = it.log.lines
        assert line.startswith(f"{FRONT}: ") and said in line
        (frame,) = it.published
        assert frame.received.camera == REAR


def test_both_cameras_are_told_of_the_same_fault(bench):
    with bench() as it:
        for camera in (FRONT, REAR):
            it.put(camera, stamp_s=-1.0)
        it.settle()
        assert {line.split(":")[0] for line in it.log.lines} == {FRONT, REAR}


def test_each_fault_of_a_camera_is_told(bench):
    with bench() as it:
        it.put(stamp_s=-1.0)
        it.settle()
        it.put(age_s=60.0)
        it.settle()
        assert [line.split("refused as ")[1] for line in it.log.lines] == ["bad_stamp)", "too_old)"]


def test_a_failure_of_the_worker_itself_is_reported_and_survived(bench):
    with bench() as it:
        it.statistics.captioned = fail(MemoryError())
        it.put()
        wait_for(lambda: it.faults.newest)
        assert "captioning failed: MemoryError" in it.log.lines
        del it.statistics.captioned
        it.put(REAR)
        assert it.settle()[REAR] == {"captioned": 1}


def test_a_failure_while_nothing_is_due_is_survived(bench):
    it, pauses_s = bench(), []
    pause = it.mailbox.wait_for_close
    it.mailbox.wait_for_close = lambda timeout_s: pauses_s.append(timeout_s) or pause(timeout_s)
    it.worker._wanted = fail(RuntimeError("the publisher is gone"))
    with it:
        it.put()
        wait_for(lambda: "captioning failed: RuntimeError: the publisher is gone" in it.log.lines)
        it.worker._wanted = lambda camera: True
        assert it.settle()[FRONT] == {"captioned": 1}
    assert pauses_s and min(pauses_s) > 0  # it took no processor for itself


# Ages.


def test_a_frame_that_nobody_wanted_expires_without_a_fault(bench):
    with bench() as it:
        it.wanted = False
        it.put()
        it.now_s += 60
        it.wanted = True
        assert it.settle()[FRONT] == {"captioned": 0, "expired": 1}
        assert not it.log.lines


def test_a_camera_that_nobody_wants_costs_no_caption(bench):
    it = bench(max_frame_age_s=0.0)
    it.worker._wanted = lambda camera: camera == REAR
    with it:
        it.put(FRONT)
        it.put(REAR)
        wait_for(lambda: it.published)
        it.worker._wanted = lambda camera: True
        it.settle()
        assert [frame.received.camera for frame in it.published] == [REAR, FRONT]


def test_waiting_until_wanted_is_no_latency(bench):
    with bench(max_frame_age_s=0.0) as it:
        it.wanted = False
        it.put()
        it.now_s += 60
        it.model.on_batch = lambda pictures: setattr(it, "now_s", it.now_s + 0.25)
        it.wanted = True
        it.settle()
        assert it.statistics.latency_s(0.95) == pytest.approx(0.25)


def batches(it, *work):
    """Let the next batches do some work each."""
    left = iter(work)
    it.model.on_batch = lambda pictures: next(left)()


def test_waiting_for_the_model_is_latency(bench):
    with bench() as it:

        def first():
            it.now_s += 0.5
            it.put(REAR)
            it.now_s += 0.25

        batches(it, first, lambda: setattr(it, "now_s", it.now_s + 0.25))
        it.put()
        wait_for(lambda: len(it.published) == 2)
        it.settle()
        assert it.statistics.latency_s(0.0) == pytest.approx(0.5)  # half of it waiting
        assert it.statistics.latency_s(1.0) == pytest.approx(0.75)


def test_a_model_that_keeps_frames_waiting_for_too_long_is_named(bench):
    with bench(max_frame_age_s=1.0) as it:

        def slow():
            it.put(REAR)
            it.now_s += 3

        batches(it, slow)
        it.put()
        wait_for(lambda: it.counts()[REAR] == {"captioned": 0, "too_late": 1})
        (line,) = it.log.lines
        assert line.startswith(f"{REAR}: ") and "waited 3.00 s for the model" in line


def test_the_rate_limit_holds_for_each_camera_of_a_batch(bench):
    it = bench(max_rate_hz=0.5)
    with it:
        for _ in range(3):
            it.put(FRONT)
            it.put(REAR)
            it.settle()
            assert [it.worker._held_back_s(camera) for camera in (FRONT, REAR)] == [2.0, 2.0]
            it.now_s += 2


def test_the_worker_looks_again_when_the_rate_limit_ends(bench):
    with bench([FRONT], max_rate_hz=20.0) as it:
        it.put()
        it.settle()
        assert it.worker._patience_s() == pytest.approx(0.05)
        it.now_s += 60  # and does not turn for ever while no frame comes
        assert it.worker._patience_s() == 0.1


def test_waiting_for_the_rate_limit_is_not_blamed_on_the_model(bench):
    """Meanwhile it captioned another camera."""
    with bench(max_rate_hz=0.25, max_frame_age_s=1.0) as it:
        it.put()
        it.settle()
        it.put()
        it.now_s += 3.9
        it.put(REAR)
        wait_for(lambda: it.counts()[REAR] == {"captioned": 1})
        it.now_s += 0.2
        assert it.settle()[FRONT] == {"captioned": 1, "expired": 1}
        assert not it.log.lines


@pytest.mark.parametrize(
    ("age_s", "reason", "said"),
    [
        (30.0, "too_old", "30.00 s old when it arrived"),
        (-3600.0, "future_stamp", "from 3600.00 s in the future"),
    ],
)
def test_a_clock_out_of_step_is_named(bench, age_s, reason, said):
    with bench() as it:
        it.put(age_s=age_s)
        assert it.settle()[FRONT] == {"captioned": 0, reason: 1}
        (line,) = it.log.lines
        assert said in line and "clocks of camera and node in step" in line


def test_a_simulated_clock_of_which_nothing_came_is_named(bench):
    with bench() as it:
        it.now_s = 0.0
        it.put(stamp_s=1000.0)
        assert it.settle()[FRONT] == {"captioned": 0, "future_stamp": 1}
        (line,) = it.log.lines
        assert "use_sim_time is true, and no time has come on /clock" in line


def test_a_clock_that_was_set_back_is_no_fault_of_the_camera(bench):
    """As simulated time is where a recording is played in a loop."""
    with bench() as it:
        it.wanted = False
        it.put()
        it.now_s -= 60
        it.wanted = True
        assert it.settle()[FRONT] == {"captioned": 0, "expired": 1}
        assert not it.log.lines


def test_a_caption_from_before_the_clock_was_set_back_answers_no_request(bench):
    with bench() as it:
        it.put()
        it.settle()
        it.now_s -= 60
        success, message = it.ask()
        assert not success and f"{FRONT}: no frame newer than 2.0 s" in message


@pytest.mark.parametrize("age_s", [30.0, -3600.0, 1.0, -1.0])
def test_any_age_is_accepted_where_it_may_be(bench, age_s):
    with bench(max_frame_age_s=0.0 if abs(age_s) > 2 else 2.0) as it:
        it.put(age_s=age_s)
        assert it.settle()[FRONT] == {"captioned": 1}


# A model that hangs.


@pytest.mark.parametrize(
    ("batches_s", "hangs_s"), [([1.4], 0.0), ([4.0], 4.0), ([1.0, 4.0], 0.0), ([1.0, 6.0], 6.0)]
)
def test_a_batch_hangs_that_takes_far_longer_than_usual(bench, batches_s, hangs_s):
    with bench([FRONT]) as it:
        found = []

        def take(seconds):
            it.now_s += seconds
            found.append(it.worker.hangs_s)

        batches(it, *(partial(take, seconds) for seconds in batches_s))
        for _ in batches_s:
            it.put()
            it.settle()
        assert found[-1] == pytest.approx(hangs_s)
        it.now_s += 60
        wait_for(lambda: it.worker.hangs_s == 0.0)


# The end.


def test_a_worker_that_was_stopped_publishes_nothing_more(bench):
    it = bench()
    inside, go_on = threading.Event(), threading.Event()
    it.model.on_batch = lambda pictures: (inside.set(), go_on.wait(10))
    it.worker.start()
    it.put()
    assert inside.wait(10)
    it.put(REAR)
    asked = it.worker.request()
    assert not it.worker.stop(0.0)
    go_on.set()
    assert it.worker.stop(10)
    wait_for(asked.done)
    assert asked.result() == (False, "the node was deactivated")
    assert not it.published
    assert it.settle() == {FRONT: {"captioned": 0, "deactivated": 1},
                           REAR: {"captioned": 0, "deactivated": 1}}  # fmt: skip


# Confidence.


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [(0.4, {"captioned": 0, "unsure": 1}), (0.5, {"captioned": 1}), (None, {"captioned": 1})],
)
def test_an_unsure_caption_is_told_and_counted_apart(bench, confidence, expected):
    with bench(min_confidence=0.5) as it:
        it.model.confidence = confidence
        it.put()
        assert it.settle()[FRONT] == expected
        assert [frame.unsure for frame in it.published] == ["unsure" in expected]
        assert len(it.log.lines) == (confidence is None)  # the parameter does nothing


def test_without_a_least_confidence_a_model_may_have_none(bench):
    with bench() as it:
        it.put()
        it.settle()
        assert not it.log.lines
