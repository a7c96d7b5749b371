"""Which frames are captioned."""

import numpy as np
import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings.sampling import Sampler, Sampling

FRAME = np.zeros((8, 8, 3), np.uint8)


def taken(sampling, times_s, camera="front"):
    sampler = Sampler(sampling)
    times_ns = [round(1e9 * time) for time in times_s]
    return [
        time / 1e9
        for time in times_ns
        if sampler.due(camera, time) and sampler.takes(camera, time, FRAME)
    ]


def test_a_jittering_camera_is_taken_every_time():
    jittered = [10.0, 10.98, 12.01, 12.97]
    assert taken(Sampling(1.0), jittered) == jittered


def test_the_distance_is_kept_at_any_rate():
    assert taken(Sampling(1.0), np.arange(10.3, 13.3, 0.125)) == [10.3, 11.3, 12.3]


def test_zero_takes_all_and_a_still_scene_is_taken_once():
    assert len(taken(Sampling(0.0), range(5))) == 5
    assert taken(Sampling(0.0, changed=0.1), range(5))[1:] == []


def test_a_slow_change_is_compared_with_what_was_taken():
    sampler = Sampler(Sampling(0.0, changed=0.1))
    greys = (0, 0, 15, 30)  # 15 are 0.06
    found = [sampler.takes("front", at, FRAME + np.uint8(g)) for at, g in enumerate(greys)]
    assert found == [True, False, False, True]


def test_each_camera_counts_from_its_own_first_frame():
    sampler = Sampler(Sampling(1.0))
    for camera, first_ns in (("front", 0), ("rear", 900_000_000)):
        assert sampler.due(camera, first_ns) and sampler.takes(camera, first_ns, FRAME)
        assert not sampler.due(camera, first_ns + 500_000_000)


def test_a_frame_that_was_broken_leaves_its_turn_to_the_next():
    sampler = Sampler(Sampling(1.0))
    assert sampler.due("front", 0)
    assert sampler.due("front", 10) and sampler.takes("front", 10, FRAME)
    assert not sampler.due("front", 20) and sampler.due("rear", 20)


@pytest.mark.parametrize(
    ("every_s", "changed"),
    [(-1, 0), (float("nan"), 0), (float("inf"), 0), (1e-310, 0), (1, 1.5), (1, float("nan"))],
)
def test_values_out_of_range_are_refused(every_s, changed):
    with pytest.raises(OptionsError, match="expected"):
        Sampling(every_s, changed)
