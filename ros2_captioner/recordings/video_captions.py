"""The frames of a video through the model, as subtitles."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import FrameError
from ros2_captioner.images.containers import cut_short
from ros2_captioner.images.sources import video_moments
from ros2_captioner.recordings.batches import batches_ahead
from ros2_captioner.recordings.sampling import Sampler, Sampling
from ros2_captioner.recordings.subtitles import Cue, joined
from ros2_captioner.stream.scene_gate import apart, thumbnail

_SHORTEST_S = 1e-3  # what subtitles can tell from nothing
_LOOK_S = 0.2  # from one frame that is looked at for a cut to the next
_CUT = 0.1  # of brightness, from look to look; neither motion nor a pan changes as much


def video_cues(
    path: str,
    captioner: Captioner,
    options: DecodingOptions,
    sampling: Sampling,
    advanced: Callable[[float], None],
) -> list[Cue]:
    """Captions of a video file: of the frames that a sampling takes and where a scene begins.

    Neighbouring equal captions are one cue.

    Args:
        path: of the video.
        captioner: the model.
        options: of its search.
        sampling: which frames.
        advanced: told the seconds read so far.

    Raises:
        FrameError: it is no video that OpenCV decodes, or a still image.
        BackendError: the runtime failed, and so did its fallback.
    """
    frames = _Frames(path, sampling, advanced)
    captions: list[tuple[float, str, str]] = []
    for batch in batches_ahead(frames.taken()):
        found = captioner.caption([picture for _, picture in batch], options).captions
        times = (time_ns * 1e-9 for time_ns, _ in batch)
        captions += [(time_s, path, each.text) for time_s, each in zip(times, found, strict=True)]
    if frames.end_s < _SHORTEST_S:
        if fault := cut_short(path):
            raise FrameError("no_source", f"{fault}, as a single frame is left")
        raise FrameError(
            "no_source",
            f"{path} has no length, as a still image or a raw H.264 stream; expected a video. Of a "
            f"stream, type: ffmpeg -r RATE -i {shlex.quote(path)} -c copy "
            + shlex.quote(f"{path}.mp4"),
        )
    return joined(captions, frames.end_s)


class _Frames:
    """The frames that a sampling takes, and the first of each scene.

    Attributes:
        end_s: time of the last frame read.
    """

    def __init__(self, path: str, sampling: Sampling, advanced: Callable[[float], None]) -> None:
        self._path, self._advanced = path, advanced
        self._sampler = Sampler(sampling)
        self._looks = Sampler(Sampling(min(_LOOK_S, sampling.every_s)))
        self._seen: NDArray[np.float32] | None = None
        self.end_s = 0.0

    def taken(self) -> Generator[tuple[int, NDArray[np.uint8]], None, None]:
        """Each with its time, nanoseconds."""
        for time_ns, picture in video_moments(self._path, self._due):
            self.end_s = time_ns * 1e-9
            self._advanced(self.end_s)
            if picture is not None and self._takes(time_ns, picture):
                yield time_ns, picture

    def _due(self, time_ns: int) -> bool:
        return self._looks.due("", time_ns) or self._sampler.due("", time_ns)

    def _takes(self, time_ns: int, picture: NDArray[np.uint8]) -> bool:
        self._looks.takes("", time_ns, picture)
        before, self._seen = self._seen, thumbnail(picture)
        cut = before is not None and apart(before, self._seen) > _CUT
        due = self._sampler.due("", time_ns) and self._sampler.takes("", time_ns, picture)
        return due or cut
