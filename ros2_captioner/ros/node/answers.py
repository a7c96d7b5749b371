"""What the node answers to a request for a caption."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.frames import CaptionedFrame, ReceivedImage


class Answer(NamedTuple):
    """To a request for a caption.

    Attributes:
        success: whether any camera has a caption of its newest frame.
        message: the caption, or why there is none; with several cameras a line for each.
    """

    success: bool
    message: str


class Answers:
    """What has come of each camera's newest frame: its caption, or why it has none.

    Args:
        cameras: resolved image topics, in the order in which they are answered for.
    """

    def __init__(self, cameras: Collection[str]) -> None:
        self._outcomes: dict[str, CaptionedFrame | str] = dict.fromkeys(
            cameras, "no frame has come yet; see /diagnostics"
        )

    def captioned(self, frame: CaptionedFrame) -> None:
        """A camera's newest frame has a caption, published or unsure."""
        self._outcomes[frame.received.camera] = frame

    def refused(self, camera: str, reason: str) -> None:
        """A camera's newest frame has none."""
        self._outcomes[camera] = reason

    def expired(self, camera: str, settings: NodeSettings) -> None:
        """A camera's newest frame was too old."""
        self._outcomes[camera] = _none_newer(settings)

    def answer(
        self,
        just_captioned: Collection[str],
        settings: NodeSettings,
        age_s: Callable[[ReceivedImage], float],
    ) -> Answer:
        """The answer for all cameras.

        Args:
            just_captioned: cameras captioned for this request, whose captions are fresh however
                long they took.
            settings: now in force.
            age_s: returns the age of a frame in seconds, negative if its stamp lies in the future.
        """

        def answer_for(camera: str, outcome: CaptionedFrame | str) -> Answer:
            if isinstance(outcome, str):
                return Answer(False, outcome)
            limit_s = settings.max_frame_age_s
            if camera not in just_captioned and 0 < limit_s < abs(age_s(outcome.received)):
                return Answer(False, _none_newer(settings))
            if not outcome.caption.words:
                words = "the model found no words that banned_words and min_length allow"
                return Answer(False, words)
            return Answer(True, outcome.caption.text)

        found = {camera: answer_for(camera, each) for camera, each in self._outcomes.items()}
        if len(found) == 1:
            return next(iter(found.values()))
        lines = [f"{camera}: {answer.message}" for camera, answer in found.items()]
        return Answer(any(answer.success for answer in found.values()), "\n".join(lines))


def _none_newer(settings: NodeSettings) -> str:
    return f"no frame newer than {settings.max_frame_age_s} s"
