"""The one thread that owns the model: takes frames from the mailbox and hands captions on."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.task import Future

from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption, Timing
from ros2_captioner.errors import FrameError, described
from ros2_captioner.images.conversion import message_to_rgb
from ros2_captioner.ros.node.answers import Answer, Answers
from ros2_captioner.ros.node.faults import Faults, ThrottledLog, frame_step
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.frame_age import frame_age_s, is_fresh
from ros2_captioner.stream.frames import CaptionedFrame, ReceivedImage
from ros2_captioner.stream.mailbox import Mailbox
from ros2_captioner.stream.scene_gate import SceneGate
from ros2_captioner.stream.statistics import Statistics

_POLL_S = 0.1  # how soon a changed parameter or a new listener is noticed while nothing is due
_NO_CONFIDENCE = (
    "min_confidence keeps no caption back: the model tells no confidence. python -m "
    "training.calibrate adds it to a bundle with evidence; or set min_confidence to 0.0"
)
_BATCHES = 20  # whose times tell how long one usually takes
_HANGS_AFTER_S = 1.5
_HANGS_AFTER_BATCHES = 5  # on a slow machine

Frame = tuple[ReceivedImage, NDArray[np.uint8]]


class CaptionWorker:
    """Captions the newest frames until stopped; no frame and no failure ends it.

    Each frame is counted once: captioned, dropped on purpose, or refused for a reason of its own
    that costs no other frame.

    The node starts and stops it, makes requests and asks whether it hangs; everything private
    runs in the worker's own thread, and so do ``wanted`` and ``publish``.

    Args:
        captioner: the loaded model.
        mailbox: where frames arrive.
        settings: returns the settings now in force.
        wanted: returns whether anybody wants a camera's captions; its frames wait while not.
        publish: publishes a caption.
        statistics: counts every frame.
        faults: what fails beside frames.
        clock: the node's clock.
        logger: the node's logger.
    """

    def __init__(
        self,
        captioner: Captioner,
        mailbox: Mailbox,
        settings: Callable[[], NodeSettings],
        wanted: Callable[[str], bool],
        publish: Callable[[CaptionedFrame], None],
        statistics: Statistics,
        faults: Faults,
        clock: Clock,
        logger: RcutilsLogger,
    ) -> None:
        self._captioner = captioner
        self._mailbox = mailbox
        self._settings = settings
        self._wanted = wanted
        self._publish = publish
        self._statistics = statistics
        self._faults = faults
        self._clock = clock
        self._log = ThrottledLog(logger)
        # Each by camera.
        self._last_taken_s: dict[str, float] = {}
        self._gates: defaultdict[str, SceneGate] = defaultdict(SceneGate)
        self._uncounted: dict[str, ReceivedImage] = {}  # of the turn's frames
        self._unchanged: dict[str, ReceivedImage] = {}  # held back, until a newer one comes
        self._answers = Answers(statistics.cameras)
        self._requests: deque[Future[Answer]] = deque()
        self._batches_s: deque[float] = deque(maxlen=_BATCHES)
        self._busy_since_s: float | None = None
        self._last_batch_s = (0.0, 0.0)  # when it began, and ended
        self._thread = threading.Thread(target=self._run, name="captioner-worker", daemon=True)

    def start(self) -> None:
        """Begin to take frames."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Close the mailbox and wait for the batch in hand; False if that outlasts the timeout.

        Its captions are dropped: by then nobody may expect them any more.
        """
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
    def hangs_s(self) -> float:
        """Seconds that the present batch has taken, once that is far more than usual; else 0."""
        since_s = self._busy_since_s
        taken_s = 0.0 if since_s is None else time.monotonic() - since_s
        usual_s = median(self._batches_s) if self._batches_s else 0.0
        return taken_s if taken_s > max(_HANGS_AFTER_S, _HANGS_AFTER_BATCHES * usual_s) else 0.0

    def _run(self) -> None:
        over = False
        while not over:
            with self._faults.survived("captioning"):
                self._turn()
                over = self._mailbox.closed
                continue
            over = self._mailbox.wait_for_close(_POLL_S)  # what failed may fail again at once
        for received in self._mailbox.leftovers():
            self._statistics.dropped(received.camera, "deactivated")
        while self._requests:
            self._requests.popleft().set_result(Answer(False, "the node was deactivated"))

    def _turn(self) -> None:
        images, asked = self._mailbox.take(self._due, self._patience_s())
        # Later ones are answered by the next take: frames that are not due wait for their flush.
        requests = [self._requests.popleft() for _ in range(asked)]
        self._uncounted = {received.camera: received for received in images}
        captioned: set[str] = set()
        begun_s = time.monotonic()
        try:
            if requests:
                images += self._recalled()
            self._busy_since_s = begun_s
            # A live parameter may have changed during the wait and holds for these frames.
            settings = self._settings()
            frames = list(self._prepared(images, settings, asked=bool(requests)))
            captioned.update(self._caption(frames, settings, begun_s))
        except Exception as error:
            for received in list(self._uncounted.values()):
                self._refuse(received, FrameError("captioning_failed", described(error)))
            raise
        finally:
            self._busy_since_s = None
            for request in requests:
                request.set_result(self._answer(captioned))

    def _due(self, camera: str) -> bool:
        return self._held_back_s(camera) <= 0 and self._wanted(camera)

    def _held_back_s(self, camera: str) -> float:
        """Seconds for which the rate limit still holds a camera back."""
        max_rate_hz = self._settings().max_rate_hz
        if max_rate_hz <= 0 or camera not in self._last_taken_s:
            return 0.0
        return float(self._last_taken_s[camera] + 1 / max_rate_hz - time.monotonic())

    def _patience_s(self) -> float:
        left_s = [self._held_back_s(camera) for camera in self._last_taken_s]
        return min([_POLL_S, *(each_s for each_s in left_s if each_s > 0)])

    def _recalled(self) -> list[ReceivedImage]:
        """The newest frames of still scenes, which the gate had held back."""
        found = [
            image for camera, image in self._unchanged.items() if camera not in self._uncounted
        ]
        for received in found:
            self._statistics.recalled(received.camera, "unchanged")
            self._uncounted[received.camera] = received
        return found

    def _prepared(
        self, images: list[ReceivedImage], settings: NodeSettings, *, asked: bool
    ) -> Iterator[Frame]:
        """The frames to be captioned; the others are counted for what kept them out."""
        for received in images:
            self._unchanged.pop(received.camera, None)
            try:
                with frame_step("age_check"):
                    waited_s = self._waited_for_model_s(received)
                    limit_s = settings.max_frame_age_s
                    fresh = is_fresh(received, self._age_s(received), waited_s, limit_s)
                if not fresh:
                    self._answers.expired(received.camera, settings)
                    self._drop(received, "expired")
                    continue
                with frame_step("conversion"):
                    picture = message_to_rgb(received.message)
                with frame_step("scene_gate"):
                    changed = self._changed(received, picture, settings)
            except FrameError as error:
                self._refuse(received, error)
                continue
            if changed or asked:
                yield received, picture
            else:
                self._unchanged[received.camera] = received
                self._drop(received, "unchanged")

    def _caption(
        self, frames: list[Frame], settings: NodeSettings, begun_s: float
    ) -> Iterator[str]:
        """Caption and publish; yields the cameras for which that went well."""
        if not frames:
            return
        for received, _ in frames:
            self._last_taken_s[received.camera] = time.monotonic()
        for (received, picture), caption, timing in self._inferred(frames, settings):
            if self._mailbox.closed:
                self._drop(received, "deactivated")
                continue
            try:
                with frame_step("age_check"):
                    age_s = self._age_s(received)
                frame = CaptionedFrame(received, picture, caption, timing, settings, age_s)
                with frame_step("publishing"):
                    self._publish(frame)
            except FrameError as error:
                self._refuse(received, error)
                continue
            if caption.confidence is None and settings.min_confidence:
                self._log.warning("min_confidence", _NO_CONFIDENCE)
            self._gates[received.camera].captioned(time.monotonic())
            self._answers.captioned(frame)
            if frame.unsure:
                self._drop(received, "unsure")
            else:
                waited_s = self._waited_for_model_s(received)
                self._statistics.captioned(received.camera, waited_s + time.monotonic() - begun_s)
                self._uncounted.pop(received.camera)
            yield received.camera
        self._last_batch_s = (begun_s, time.monotonic())
        self._batches_s.append(self._last_batch_s[1] - begun_s)

    def _inferred(
        self, frames: list[Frame], settings: NodeSettings
    ) -> Iterator[tuple[Frame, Caption, Timing]]:
        """The captions of a batch; when it fails, of each frame alone, and a failing one is
        refused."""
        try:
            with frame_step("inference"):
                batch = self._captioner.caption([picture for _, picture in frames], settings)
        except FrameError as error:
            if len(frames) == 1:
                self._refuse(frames[0][0], error)
                return
            for frame in frames:
                yield from self._inferred([frame], settings)
            return
        for frame, caption in zip(frames, batch.captions, strict=True):
            yield frame, caption, batch.timing

    def _changed(
        self, received: ReceivedImage, picture: NDArray[np.uint8], settings: NodeSettings
    ) -> bool:
        return self._gates[received.camera].passes(
            picture,
            settings.scene_change_threshold,
            settings.max_silence_s,
            time.monotonic(),
        )

    def _waited_for_model_s(self, received: ReceivedImage) -> float:
        """Seconds for which a frame waited for the batch before.

        A frame that was there as that began was not due then, and one that stayed was not wanted.
        """
        begun_s, ended_s = self._last_batch_s
        return max(0.0, ended_s - max(begun_s, received.received_s))

    def _age_s(self, received: ReceivedImage) -> float:
        return frame_age_s(received, self._clock.now().nanoseconds)

    def _answer(self, captioned: set[str]) -> Answer:
        try:
            return self._answers.answer(captioned, self._settings(), self._age_s)
        except Exception as error:  # whoever asked must not wait for ever
            return Answer(False, described(error))

    def _drop(self, received: ReceivedImage, reason: str) -> None:
        self._statistics.dropped(received.camera, reason)
        self._uncounted.pop(received.camera)

    def _refuse(self, received: ReceivedImage, error: FrameError) -> None:
        camera, reason = received.camera, error.reason
        self._uncounted.pop(camera)
        self._answers.refused(camera, str(error))
        message = f"{camera}: {error}"
        count = self._statistics.refused(camera, reason, message)
        self._log.warning(f"{camera} {reason}", f"{message} ({count} refused as {reason})")
