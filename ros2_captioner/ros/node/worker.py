"""The one thread that owns the model: takes frames from the mailbox and hands captions on."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.time import Time

from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import FrameError
from ros2_captioner.images.conversion import compressed_to_rgb, image_to_rgb
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.frames import CaptionedFrame, ReceivedImage
from ros2_captioner.stream.mailbox import Mailbox
from ros2_captioner.stream.scene_gate import SceneGate
from ros2_captioner.stream.statistics import Statistics

_WARNING_PERIOD_S = 5.0
_POLL_S = 0.1  # how soon a changed parameter or a new listener is noticed while nothing is due


class Answer(NamedTuple):
    """To a request for a caption.

    Attributes:
        success: whether any camera has a caption of its newest frame.
        message: the caption, or why there is none; with several cameras a line for each.
    """

    success: bool
    message: str


class CaptionWorker:
    """Captions the newest frames until stopped; no frame and no failure ends it.

    Args:
        captioner: the loaded model.
        mailbox: where frames arrive.
        settings: returns the settings now in force.
        wanted: returns whether anybody wants captions; frames wait while not.
        publish: called in the worker's thread for each caption.
        statistics: counts every frame.
        clock: the node's clock.
        logger: the node's logger.
    """

    def __init__(
        self,
        captioner: Captioner,
        mailbox: Mailbox,
        settings: Callable[[], NodeSettings],
        wanted: Callable[[], bool],
        publish: Callable[[CaptionedFrame], None],
        statistics: Statistics,
        clock: Clock,
        logger: RcutilsLogger,
    ) -> None:
        self._captioner = captioner
        self._mailbox = mailbox
        self._settings = settings
        self._wanted = wanted
        self._publish = publish
        self._statistics = statistics
        self._clock = clock
        self._logger = logger
        self._last_taken_s: dict[str, float] = {}
        self._gates: defaultdict[str, SceneGate] = defaultdict(SceneGate)
        self._outcomes: dict[str, CaptionedFrame | str] = {}
        self._requests: deque[Future[Answer]] = deque()
        self._busy_since_s: float | None = None
        self._last_warned_s: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="captioner-worker", daemon=True)

    def start(self) -> None:
        """Begin to take frames."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Close the mailbox and wait for the frame in hand; False if that outlasts the timeout."""
        self._mailbox.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def request(self) -> Future[Answer]:
        """Ask for the caption of every camera's newest frame, wanted, due, changed or not."""
        future: Future[Answer] = Future()
        self._requests.append(future)
        self._mailbox.flush()
        return future

    @property
    def busy_s(self) -> float:
        """Seconds that the present batch has taken so far; 0 between batches."""
        since = self._busy_since_s
        return 0.0 if since is None else time.monotonic() - since

    def _run(self) -> None:
        while not self._mailbox.closed:
            images = self._mailbox.take(self._due, self._patience_s())
            requests = [self._requests.popleft() for _ in range(len(self._requests))]
            # A live parameter may have changed during the wait and holds for these frames.
            settings = self._settings()
            self._busy_since_s = time.monotonic()
            try:
                self._caption(images, settings, every=bool(requests))
            except Exception as error:  # the frame boundary: nothing may end the worker
                for received in images:
                    self._refuse(received, "inference_failed", f"captioning failed: {error}")
            self._busy_since_s = None
            for request in requests:
                request.set_result(self._answer(settings.max_frame_age_s))
        while self._requests:
            self._requests.popleft().set_result(Answer(False, "the node was deactivated"))

    def _due(self, camera: str) -> bool:
        return self._rest_s(camera) <= 0 and self._wanted()

    def _rest_s(self, camera: str) -> float:
        """Seconds for which the rate limit still holds a camera back."""
        max_rate_hz = self._settings().max_rate_hz
        if max_rate_hz <= 0 or camera not in self._last_taken_s:
            return 0.0
        return float(self._last_taken_s[camera] + 1 / max_rate_hz - time.monotonic())

    def _patience_s(self) -> float:
        rests = [self._rest_s(camera) for camera in self._last_taken_s]
        return min([_POLL_S, *(rest for rest in rests if rest > 0)])

    def _caption(self, images: list[ReceivedImage], settings: NodeSettings, *, every: bool) -> None:
        frames: list[tuple[ReceivedImage, NDArray[np.uint8]]] = []
        for received in images:
            try:
                self._check_age(received, settings.max_frame_age_s)
                picture = _to_rgb(received.message)
            except FrameError as error:
                self._refuse(received, error.reason, f"{received.camera}: {error}")
                continue
            if self._changed(received, picture, settings) or every:
                frames.append((received, picture))
            else:
                self._statistics.dropped(received.camera, "unchanged")
        if not frames:
            return
        for received, _ in frames:
            self._last_taken_s[received.camera] = time.monotonic()
        batch = self._captioner.caption([picture for _, picture in frames], settings)
        for (received, picture), caption in zip(frames, batch.captions, strict=True):
            age_s = self._age_s(received)
            frame = CaptionedFrame(received, picture, caption, batch.timing, settings, age_s)
            self._outcomes[received.camera] = frame
            self._publish(frame)
            self._statistics.captioned(received.camera, time.monotonic() - received.received_s)

    def _changed(
        self, received: ReceivedImage, picture: NDArray[np.uint8], settings: NodeSettings
    ) -> bool:
        return self._gates[received.camera].passes(
            picture,
            settings.scene_change_threshold,
            settings.max_silence_s,
            time.monotonic(),
        )

    def _check_age(self, received: ReceivedImage, limit_s: float) -> None:
        age_s = self._age_s(received)
        if limit_s > 0 and age_s > limit_s:
            raise FrameError(
                "too_old",
                f"found a frame {age_s:.2f} s old; expected at most max_frame_age_s = {limit_s}. "
                "Are the clocks of camera and node in step, and use_sim_time the same?",
            )

    def _age_s(self, received: ReceivedImage) -> float:
        stamp = received.message.header.stamp
        if stamp.sec == 0 and stamp.nanosec == 0:  # a camera that does not stamp its frames
            return time.monotonic() - received.received_s
        now = self._clock.now()
        return float((now - Time.from_msg(stamp, clock_type=now.clock_type)).nanoseconds * 1e-9)

    def _answer(self, limit_s: float) -> Answer:
        if not self._outcomes:
            return Answer(False, "no camera has sent a frame yet; see /diagnostics")
        found: dict[str, Answer] = {}
        for camera, outcome in self._outcomes.items():
            if isinstance(outcome, str):
                found[camera] = Answer(False, outcome)
            elif 0 < limit_s < self._age_s(outcome.received):
                found[camera] = Answer(False, f"no frame newer than {limit_s} s")
            else:
                found[camera] = Answer(True, outcome.caption.text)
        if len(found) == 1:
            return next(iter(found.values()))
        lines = [f"{camera}: {answer.message}" for camera, answer in found.items()]
        return Answer(any(answer.success for answer in found.values()), "\n".join(lines))

    def _refuse(self, received: ReceivedImage, reason: str, message: str) -> None:
        self._outcomes[received.camera] = message
        count = self._statistics.refused(received.camera, reason, message)
        # rclpy's own throttle counts a line of code, so one reason would silence the others.
        now = time.monotonic()
        if now - self._last_warned_s.get(reason, -_WARNING_PERIOD_S) >= _WARNING_PERIOD_S:
            self._last_warned_s[reason] = now
            self._logger.warning(f"{message} ({count} refused as {reason})")


def _to_rgb(message: Any) -> NDArray[np.uint8]:
    return image_to_rgb(message) if hasattr(message, "encoding") else compressed_to_rgb(message)
