"""How failures are told: in the log once in a while, in /diagnostics once."""

import pytest
from bench import Log

from ros2_captioner.errors import FrameError
from ros2_captioner.ros.node.faults import Faults, ThrottledLog, frame_step


def test_each_subject_speaks_at_most_every_five_seconds(clock):
    log = Log()
    throttled = ThrottledLog(log)
    for second in range(11):
        throttled.warning("front", f"front {second}")
        throttled.error("rear", f"rear {second}")
        clock.now_s += 1
    assert log.lines == [
        f"{subject} {second}" for second in (0, 5, 10) for subject in ("front", "rear")
    ]


def test_a_fault_is_survived_and_told_once(clock):
    faults = Faults(Log())

    def fail():
        raise OSError("no space\nleft")

    faults.surviving("watching", fail)()
    assert faults.fresh() == faults.newest == "watching failed: OSError: no space\nleft"
    assert faults.fresh() == ""


@pytest.mark.parametrize(
    ("error", "reason", "said"),
    [
        (FrameError("short_data", "found 3 bytes"), "short_data", "found 3 bytes"),
        (ValueError("no shape"), "scene_gate_failed", "scene gate failed: ValueError: no shape"),
    ],
)
def test_a_frame_is_refused_for_its_own_fault_or_for_the_step_that_failed(error, reason, said):
    with pytest.raises(FrameError) as raised, frame_step("scene_gate"):
        raise error
    assert (raised.value.reason, str(raised.value)) == (reason, said)
