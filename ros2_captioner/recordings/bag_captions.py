"""The images of a bag through the model, in batches over all its cameras."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption, Timing
from ros2_captioner.errors import OptionsError
from ros2_captioner.images.bag import ImageBag
from ros2_captioner.images.stamp import stamp_ns
from ros2_captioner.recordings.bag_frames import BagFrame, bag_frames
from ros2_captioner.recordings.batches import batches_ahead
from ros2_captioner.recordings.journal import Journal, Moment
from ros2_captioner.recordings.sampling import Sampling
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.detail import detail_json
from ros2_captioner.stream.frames import CaptionedFrame, ReceivedImage

_UNTIMED = Timing(0.0, 0.0, 0.0)


class BagCaptions:
    """Captions the frames of a bag that a sampling takes.

    Args:
        bag: to be captioned.
        captioner: the model.
        sampling: which frames.
        refused: told the topic of every message that is no image, which is passed over, and why.
        advanced: told the number of messages read so far.
    """

    def __init__(
        self,
        bag: ImageBag,
        captioner: Captioner,
        sampling: Sampling,
        refused: Callable[[str, str], None],
        advanced: Callable[[int], None],
    ) -> None:
        self._bag, self._captioner, self._sampling = bag, captioner, sampling
        self._refused, self._advanced = refused, advanced
        self._search = captioner.default_options()
        self._settings = NodeSettings(**asdict(self._search))  # of which the detail tells

    def journal(self, path: Path, runtime: Mapping[str, str]) -> Journal:
        """The journal of this run, see `ros2_captioner.recordings.journal.Journal`.

        Args:
            path: of its file.
            runtime: backend, precision and device as they were asked for; what is in use may change
                meanwhile, as when an engine was built.
        """
        return Journal(
            path,
            {
                "bag": Path(os.path.realpath(self._bag.path)).name,
                "topics": dict(sorted(self._bag.types.items())),
                "messages": self._bag.messages_total,
                "start_ns": self._bag.start_ns,
                "every_s": self._sampling.every_s,
                "changed": self._sampling.changed,
                "model": self._captioner.bundle.digest,
                **runtime,
                "search": asdict(self._search),
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
        read = bag_frames(self._bag, self._sampling, self._refused, self._advanced)
        for frames in batches_ahead(read):
            before = next(known, None)
            if before is None:
                journal.append(self._moments(frames))
            elif [(m.camera, m.time_ns) for m in before] != [f.recorded[:2] for f in frames]:
                raise OptionsError(
                    f"{journal.path} has captions of other frames than {self._bag.path}; the "
                    f"recording has changed since, so delete {journal.path.parent}"
                )

    def _moments(self, frames: list[BagFrame]) -> list[Moment]:
        captions = self._captioner.caption([f.picture for f in frames], self._search).captions
        return [
            Moment(frame.recorded.time_ns, self._detail(frame, caption))
            for frame, caption in zip(frames, captions, strict=True)
        ]

    def _detail(self, frame: BagFrame, caption: Caption) -> dict[str, Any]:
        """The node's detail; the age is that at recording, and how long it took is left out."""
        # Of a camera that does not stamp its frames the recording is all that is known.
        stamped_ns = stamp_ns(frame.message.header) or frame.recorded.time_ns
        age_s = (frame.recorded.time_ns - stamped_ns) * 1e-9
        received = ReceivedImage(frame.recorded.topic, frame.message, 0.0)
        captioned = CaptionedFrame(
            received, frame.picture, caption, _UNTIMED, self._settings, age_s
        )
        detail: dict[str, Any] = json.loads(detail_json(captioned, self._captioner))
        del detail["latency_ms"]
        return detail
