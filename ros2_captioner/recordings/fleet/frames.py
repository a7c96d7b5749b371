"""A job to frames at the model's size, which is all that travels to the workers with a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import CaptionerError, FrameError, described
from ros2_captioner.images.bag import ImageBag
from ros2_captioner.images.files import read_image
from ros2_captioner.images.stamp import stamp_ns
from ros2_captioner.preprocess import preprocess
from ros2_captioner.recordings.bag_frames import bag_frames
from ros2_captioner.recordings.fleet.jobs import FrameId, Job
from ros2_captioner.recordings.sampling import Sampling

_END_NS = 2**63  # of the times that ROS and Parquet have; those of mcap go twice as far


class FleetFrame(NamedTuple):
    """A frame, or why there is none.

    Attributes:
        id: whose.
        pixels: uint8 ``[size, size, 3]`` RGB; None if there is an error.
        error: what is wrong, in words.
        stamp_ns: of the message, nanoseconds; None of a picture.
        frame_id: of the message.
    """

    id: FrameId
    pixels: NDArray[np.uint8] | None = None
    error: str | None = None
    stamp_ns: int | None = None
    frame_id: str | None = None


def frames(job: Job, sampling: Sampling, topics: Sequence[str], size: int) -> Iterator[FleetFrame]:
    """The frames of a job that need a caption; what cannot be read comes as an error, never raised.

    Args:
        job: of `ros2_captioner.recordings.fleet.jobs.jobs`.
        sampling: which frames of a bag.
        topics: of a bag; empty takes all its images.
        size: side of the encoder's input, pixels.
    """
    if job.bag:
        found = _bag(job.bag, sampling, topics, size)
        yield from (frame for frame in found if frame.id not in job.done)
    else:
        yield from (_picture(path, size) for path in job.pictures)


def _picture(path: str, size: int) -> FleetFrame:
    try:
        return FleetFrame(FrameId(path), preprocess(read_image(path), size))
    except FrameError as error:
        return FleetFrame(FrameId(path), error=str(error))


def _bag(path: str, sampling: Sampling, topics: Sequence[str], size: int) -> Iterator[FleetFrame]:
    refused: list[str] = []

    def refuse(topic: str, message: str) -> None:
        refused.append(f"{path}: {topic} {message}")

    try:
        for frame in bag_frames(ImageBag(path, topics), sampling, refuse):
            recorded, header = frame.recorded, frame.message.header
            if recorded.time_ns >= _END_NS:
                refuse(recorded.topic, f"at {recorded.time_ns} ns; expected one below 2**63")
                continue
            yield FleetFrame(
                FrameId(path, recorded.topic, recorded.time_ns),
                preprocess(frame.picture, size),
                stamp_ns=stamp_ns(header),
                frame_id=header.frame_id,
            )
    except (CaptionerError, OSError) as error:
        refused.append(described(error))
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        yield FleetFrame(FrameId(path), error=f"{refused[-1]}{more}")
