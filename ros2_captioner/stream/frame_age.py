"""How old a frame is, and what made it too old to be captioned."""

from __future__ import annotations

import time

from ros2_captioner.errors import FrameError
from ros2_captioner.images.stamp import stamp_ns
from ros2_captioner.stream.frames import ReceivedImage


def frame_age_s(received: ReceivedImage, now_ns: int) -> float:
    """Seconds from a frame's stamp to now on the node's clock; from its arrival if it has none."""
    stamped_ns = stamp_ns(received.message.header)
    if stamped_ns == 0:  # a camera that does not stamp its frames
        return time.monotonic() - received.received_s
    return 1e-9 * (now_ns - stamped_ns)


def is_fresh(received: ReceivedImage, age_s: float, waited_s: float, limit_s: float) -> bool:
    """Whether a frame is young enough; False if it was only kept waiting until wanted, or if
    the clock was set meanwhile.

    Args:
        received: the frame.
        age_s: its age now, see `frame_age_s`.
        waited_s: of this, how long it waited for the model.
        limit_s: ``max_frame_age_s``.

    Raises:
        FrameError: it arrived too old or from the future, the model kept it waiting for too
            long, or its stamp is no time.
    """
    stamp = received.message.header.stamp
    if stamp.sec < 0:
        raise FrameError("bad_stamp", f"found a stamp of {stamp.sec} s; expected one from 0 on")
    if limit_s <= 0 or abs(age_s) <= limit_s:
        return True
    clocks = "Are the clocks of camera and node in step, and use_sim_time the same?"
    arrived_s = _age_on_arrival_s(received)
    if max(age_s, arrived_s) < -limit_s:
        if received.clock_ns == 0:
            clocks = "use_sim_time is true, and no time has come on /clock"
        raise FrameError(
            "future_stamp",
            f"found a frame from {-age_s:.2f} s in the future; expected at most "
            f"max_frame_age_s = {limit_s}. {clocks}",
        )
    if arrived_s > limit_s:
        raise FrameError(
            "too_old",
            f"found a frame that was {arrived_s:.2f} s old when it arrived; expected at most "
            f"max_frame_age_s = {limit_s}. {clocks}",
        )
    if arrived_s + waited_s > limit_s:
        raise FrameError(
            "too_late",
            f"found a frame that waited {waited_s:.2f} s for the model; expected at most "
            f"max_frame_age_s = {limit_s}. Raise that, or lower beam_width",
        )
    return False


def _age_on_arrival_s(received: ReceivedImage) -> float:
    stamped_ns = stamp_ns(received.message.header)
    return 1e-9 * (received.clock_ns - stamped_ns) if stamped_ns else 0.0
