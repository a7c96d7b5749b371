"""The one thread that owns the model: takes frames from the mailbox and hands captions on."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.time import Time

from ros2_captioner.captioner import Caption, Captioner, Timing
from ros2_captioner.errors import FrameError
from ros2_captioner.ros.image_conversion import compressed_to_rgb, image_to_rgb
from ros2_captioner.ros.mailbox import Letter, Mailbox
from ros2_captioner.ros.parameters import Settings

_WARNING_PERIOD_S = 5.0


@dataclass(frozen=True)
class CaptionedFrame:
    """A caption with what it belongs to.

    Attributes:
        letter: the camera and its message.
        caption: of the message's picture.
        timing: of the batch that the frame was in.
        settings: in force for it.
        frame_age_s: stamp to the end of inference on the node's clock.
    """

    letter: Letter
    caption: Caption
    timing: Timing
    settings: Settings
    frame_age_s: float


class CaptionWorker:
    """Captions the newest frames until stopped; no frame and no failure ends it.

    Args:
        captioner: the loaded model.
        mailbox: where frames arrive.
        settings: returns the settings now in force.
        publish: called in the worker's thread for each caption.
        clock: the node's clock.
        logger: the node's logger.
    """

    def __init__(
        self,
        captioner: Captioner,
        mailbox: Mailbox,
        settings: Callable[[], Settings],
        publish: Callable[[CaptionedFrame], None],
        clock: Clock,
        logger: RcutilsLogger,
    ) -> None:
        self._captioner = captioner
        self._mailbox = mailbox
        self._settings = settings
        self._publish = publish
        self._clock = clock
        self._logger = logger
        self._last_taken_s: dict[str, float] = {}
        self.rejected: Counter[str] = Counter()
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

    def _run(self) -> None:
        while not self._mailbox.closed:
            settings = self._settings()
            resting, wait_s = self._resting(settings["max_rate_hz"])
            letters = self._mailbox.take(resting, wait_s)
            # A live parameter may have changed during the wait and holds for these frames.
            settings = self._settings()
            try:
                self._caption(letters, settings)
            except Exception as error:  # the frame boundary: nothing may end the worker
                self._reject("inference_failed", f"captioning failed: {error}", len(letters))

    def _resting(self, max_rate_hz: float) -> tuple[frozenset[str], float | None]:
        """Cameras that the rate limit holds back, and seconds until the first may go on."""
        if max_rate_hz <= 0:
            return frozenset(), None
        now = time.monotonic()
        due = {camera: last + 1 / max_rate_hz for camera, last in self._last_taken_s.items()}
        waits = {camera: at - now for camera, at in due.items() if at > now}
        # Waking now and then lets a raised rate limit act before the old one has run out.
        return frozenset(waits), min(0.1, *waits.values()) if waits else None

    def _caption(self, letters: list[Letter], settings: Settings) -> None:
        usable: list[Letter] = []
        frames: list[NDArray[np.uint8]] = []
        for letter in letters:
            try:
                self._check_age(letter, settings["max_frame_age_s"])
                frames.append(_to_rgb(letter.message))
                usable.append(letter)
            except FrameError as error:
                self._reject(error.reason, f"{letter.camera}: {error}")
        if not frames:
            return
        for letter in usable:
            self._last_taken_s[letter.camera] = time.monotonic()
        batch = self._captioner.caption(frames, settings.decoding)
        for letter, caption in zip(usable, batch.captions, strict=True):
            age_s = self._age_s(letter)
            self._publish(CaptionedFrame(letter, caption, batch.timing, settings, age_s))

    def _check_age(self, letter: Letter, limit_s: float) -> None:
        age_s = self._age_s(letter)
        if limit_s > 0 and age_s > limit_s:
            raise FrameError(
                "too_old",
                f"found a frame {age_s:.2f} s old; expected at most max_frame_age_s = {limit_s}. "
                "Are the clocks of camera and node in step, and use_sim_time the same?",
            )

    def _age_s(self, letter: Letter) -> float:
        stamp = letter.message.header.stamp
        if stamp.sec == 0 and stamp.nanosec == 0:  # a camera that does not stamp its frames
            return time.monotonic() - letter.received_s
        now = self._clock.now()
        return float((now - Time.from_msg(stamp, clock_type=now.clock_type)).nanoseconds * 1e-9)

    def _reject(self, reason: str, message: str, frames: int = 1) -> None:
        self.rejected[reason] += frames
        # rclpy's own throttle counts a line of code, so one reason would silence the others.
        now = time.monotonic()
        if now - self._last_warned_s.get(reason, -_WARNING_PERIOD_S) >= _WARNING_PERIOD_S:
            self._last_warned_s[reason] = now
            self._logger.warning(f"{message} ({self.rejected[reason]} refused as {reason})")


def _to_rgb(message: Any) -> NDArray[np.uint8]:
    return image_to_rgb(message) if hasattr(message, "encoding") else compressed_to_rgb(message)
