"""The scene-change gate on drawn scenes."""

import numpy as np
import pytest

from ros2_captioner.stream.scene_gate import SceneGate

THRESHOLD = 0.05


def scene(position=0):
    """A bright square on a dark ground."""
    frame = np.full((64, 64, 3), 20, np.uint8)
    frame[16:48, position : position + 24] = 220
    return frame


def passed(frames, threshold=THRESHOLD, max_silence_s=0.0, period_s=1.0, failing=()):
    """Which frames pass; each of them is captioned then, but those whose place is failing."""
    gate, found = SceneGate(), []
    for place, frame in enumerate(frames):
        now_s = 100 + place * period_s
        found.append(gate.passes(frame, threshold, max_silence_s, now_s))
        if found[-1] and place not in failing:
            gate.captioned(now_s)
    return found


def test_first_frame_passes_and_a_still_scene_does_not():
    assert passed([scene()] * 4) == [True, False, False, False]


def test_it_stays_open_until_a_frame_is_captioned():
    assert passed([scene()] * 5, failing=(0, 1)) == [True, True, True, False, False]
    moved = [scene(0)] * 2 + [scene(20)] * 4
    assert passed(moved, failing=(2, 3)) == [True, False, True, True, True, False]


def test_a_heartbeat_that_failed_is_tried_again():
    found = passed([scene()] * 6, max_silence_s=3.0, failing=(3,))
    assert found == [True, False, False, True, True, False]


def test_sensor_noise_does_not_open_it():
    noise = np.random.default_rng(0)
    frames = [
        np.clip(scene() + noise.normal(0, 8, (64, 64, 3)), 0, 255).astype(np.uint8)
        for _ in range(9)
    ]
    assert sum(passed(frames)) == 1


def test_motion_opens_it_and_it_closes_when_the_motion_ends():
    frames = [scene(0)] * 3 + [scene(p) for p in range(8, 40, 8)] + [scene(32)] * 3
    assert passed(frames) == [True, False, False, True, True, True, True, False, False, False]


def test_motion_slower_than_the_threshold_keeps_it_open():
    step = [scene(p) for p in range(0, 36, 4)]
    quick = THRESHOLD * 1.2
    assert all(passed(step, quick)[2:]) and not any(passed([scene()] * 9, quick)[1:])


def test_a_scene_that_flickers_below_the_threshold_does_not_open_it():
    """From frame to frame it changes by as much as motion that goes on."""
    frames = [np.full((8, 8, 3), value, np.uint8) for value in (100, 100, 109, 100, 109)]
    assert passed(frames) == [True, False, False, False, False]


def test_slow_change_adds_up_to_a_change():
    frames = [np.full((8, 8, 3), 100 + i, np.uint8) for i in range(60)]
    assert 3 <= sum(passed(frames)) <= 6


def test_heartbeat_passes_a_still_scene():
    assert passed([scene()] * 7, max_silence_s=3.0) == [
        True,
        False,
        False,
        True,
        False,
        False,
        True,
    ]


def test_threshold_zero_lets_everything_pass():
    assert passed([scene()] * 3, threshold=0.0) == [True] * 3


def test_after_a_time_without_a_threshold_nothing_is_still():
    gate = SceneGate()
    for frame, threshold in ((scene(), THRESHOLD), (scene(20), 0.0), (scene(), THRESHOLD)):
        assert gate.passes(frame, threshold, 0.0, 1.0)
        gate.captioned(1.0)


@pytest.mark.parametrize("shape", [(1, 2, 3), (3, 2000, 3)])
def test_odd_shapes_are_compared(shape):
    assert passed([np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)]) == [True, True]
