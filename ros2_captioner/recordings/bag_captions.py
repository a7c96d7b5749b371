"""The images of a bag through the model, in batches over all its cameras."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Timing
from ros2_captioner.errors import FrameError, OptionsError
from ros2_captioner.images.bag import ImageBag, Recorded
from ros2_captioner.images.conversion import compressed_to_rgb, image_to_rgb
from ros2_captioner.recordings.journal import Journal, Moment
from ros2_captioner.recordings.sampling import Sampler, Sampling
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.detail import detail_json
from ros2_captioner.stream.frames import CaptionedFrame, ReceivedImage

_BATCH = 4  # frames; few enough that large ones fit in memory
_UNTIMED = Timing(0.0, 0.0, 0.0)


class _Frame(NamedTuple):
    recorded: Recorded
    message: Any
    picture: NDArray[np.uint8]


class BagCaptions:
    """Captions the frames of a bag that a sampling takes.

    Args:
        bag: to be captioned.
        captioner: the model.
        sampling: which frames.
        refused: told of every message that is no image, which is passed over.
        advanced: told the number of messages read so far.
    """

    def __init__(
        self,
        bag: ImageBag,
        captioner: Captioner,
        sampling: Sampling,
        refused: Callable[[str], None],
        advanced: Callable[[int], None],
    ) -> None:
        from rosbags.typesys import Stores, get_typestore

        self._bag, self._captioner, self._sampling = bag, captioner, sampling
        self._refused, self._advanced = refused, advanced
        self._store = get_typestore(Stores.LATEST)
        self._settings = NodeSettings()

    def journal(self, path: Path) -> Journal:
        """The journal of this run at a path, see `ros2_captioner.recordings.journal.Journal`."""
        backend = self._captioner.backend
        return Journal(
            path,
            {
                "bag": Path(self._bag.path).name,
                "topics": dict(sorted(self._bag.types.items())),
                "messages": self._bag.messages_total,
                "start_ns": self._bag.start_ns,
                "every_s": self._sampling.every_s,
                "changed": self._sampling.changed,
                "model": self._captioner.bundle.digest,
                "precision": backend.precision,
            },
        )

    def write(self, journal: Journal) -> None:
        """Caption what the journal lacks.

        Frames of its batches are read again, as the scene gate needs them, but not captioned.
        Batches end where they ended before, so a caption never depends on where a run stopped.

        Raises:
            OptionsError: the journal's captions are of other frames.
            BackendError: the runtime failed, and so did its fallback.
        """
        known = journal.batches()
        for frames in _batches(self._frames()):
            before = next(known, None)
            if before is None:
                journal.append(self._moments(frames))
            elif [(m.camera, m.time_ns) for m in before] != [f.recorded[:2] for f in frames]:
                raise OptionsError(
                    f"{journal.path} has captions of other frames than {self._bag.path}; the "
                    "recording has changed since, so delete the file"
                )

    def _frames(self) -> Iterator[_Frame]:
        sampler = Sampler(self._sampling)
        for count, recorded in enumerate(self._bag.messages(), 1):
            self._advanced(count)
            if not sampler.due(recorded.topic, recorded.time_ns):
                continue
            try:
                frame = self._decoded(recorded)
            except FrameError as error:
                self._refused(f"{recorded.topic} at {recorded.time_ns * 1e-9:.3f} s: {error}")
                continue
            if sampler.takes(recorded.topic, recorded.time_ns, frame.picture):
                yield frame

    def _decoded(self, recorded: Recorded) -> _Frame:
        kind = self._bag.types[recorded.topic]
        try:
            message = self._store.deserialize_cdr(recorded.cdr, kind)
        except Exception as error:  # of any kind: the frame boundary
            raise FrameError(
                "undecodable", f"found {len(recorded.cdr)} bytes that are no {kind} ({error})"
            ) from error
        raw = hasattr(message, "encoding")
        picture = image_to_rgb(message) if raw else compressed_to_rgb(message)
        return _Frame(recorded, message, picture)

    def _moments(self, frames: list[_Frame]) -> list[Moment]:
        captions = self._captioner.caption([f.picture for f in frames], self._settings).captions
        return [
            Moment(frame.recorded.time_ns, self._detail(frame, caption))
            for frame, caption in zip(frames, captions, strict=True)
        ]

    def _detail(self, frame: _Frame, caption: Any) -> dict[str, Any]:
        """The node's detail; the age is that at recording, and how long it took is left out."""
        stamp = frame.message.header.stamp
        age_s = (frame.recorded.time_ns - stamp.sec * 10**9 - stamp.nanosec) * 1e-9
        received = ReceivedImage(frame.recorded.topic, frame.message, 0.0)
        captioned = CaptionedFrame(
            received, frame.picture, caption, _UNTIMED, self._settings, age_s
        )
        detail: dict[str, Any] = json.loads(detail_json(captioned, self._captioner))
        del detail["latency_ms"]
        return detail


def _batches(frames: Iterable[_Frame]) -> Iterator[list[_Frame]]:
    rest = iter(frames)
    while batch := list(islice(rest, _BATCH)):
        yield batch
