"""The pictures of a bag that a sampling takes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.errors import FrameError
from ros2_captioner.images.bag import ImageBag, Recorded
from ros2_captioner.images.conversion import message_to_rgb
from ros2_captioner.recordings.sampling import Sampler, Sampling


class BagFrame(NamedTuple):
    """A recorded image.

    Attributes:
        recorded: as it lies in the bag.
        message: the same as an object.
        picture: uint8 ``[height, width, 3]`` RGB.
    """

    recorded: Recorded
    message: Any
    picture: NDArray[np.uint8]


def bag_frames(
    bag: ImageBag,
    sampling: Sampling,
    refused: Callable[[str, str], None],
    advanced: Callable[[int], None] = lambda count: None,
) -> Generator[BagFrame, None, None]:
    """The frames of a bag that a sampling takes, in the order of their recording.

    Args:
        bag: that is read.
        sampling: which frames.
        refused: told the topic of every message that is no image, which is passed over, and why.
        advanced: told the number of messages read so far.

    Raises:
        OptionsError: the bag cannot be read to its end.
    """
    sampler = Sampler(sampling)
    for count, recorded in enumerate(bag.messages(), 1):
        advanced(count)
        if not sampler.due(recorded.topic, recorded.time_ns):
            continue
        try:
            frame = decoded(recorded, bag.types[recorded.topic])
        except FrameError as error:
            refused(recorded.topic, f"at {recorded.time_ns * 1e-9:.3f} s: {error}")
            continue
        if sampler.takes(recorded.topic, recorded.time_ns, frame.picture):
            yield frame


def decoded(recorded: Recorded, kind: str) -> BagFrame:
    """A message of the ROS type ``kind`` with its picture.

    Raises:
        FrameError: it is no image.
    """
    try:
        message = _typestore().deserialize_cdr(recorded.cdr, kind)
    except Exception as error:  # of any kind: the frame boundary
        raise FrameError(
            "undecodable", f"found {len(recorded.cdr)} bytes that are no {kind} ({error})"
        ) from error
    return BagFrame(recorded, message, message_to_rgb(message))


@functools.cache
def _typestore() -> Any:
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.LATEST)
