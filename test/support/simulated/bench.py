"""The caption worker on a bench: no node, no model, and clocks that the test sets."""

import threading
import time
from types import SimpleNamespace

import numpy as np
from std_msgs.msg import Header

from ros2_captioner.captions import Caption, CaptionBatch, Timing
from ros2_captioner.ros.messages.images import raw_message
from ros2_captioner.ros.node.faults import Faults
from ros2_captioner.ros.node.worker import CaptionWorker
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.frames import ReceivedImage
from ros2_captioner.stream.mailbox import Mailbox
from ros2_captioner.stream.statistics import Statistics

FRONT, REAR = "/front/image_raw", "/rear/image_raw"
TIMEOUT_S = 10.0


def caption_of(picture, confidence=None):
    """The stand-in's caption names the brightness."""
    words = ("brightness", str(round(float(picture.mean()))))
    attention = np.zeros((2, 7, 7), np.float32)
    return Caption(" ".join(words), -1.0, words, (-0.5, -0.5), attention, confidence=confidence)


class StandIn:
    """A model; ``on_batch`` is called with the pictures first, and may raise or wait."""

    def __init__(self):
        self.on_batch = lambda pictures: None
        self.confidence = None

    def caption(self, pictures, options):
        self.on_batch(pictures)
        return CaptionBatch(
            tuple(caption_of(picture, self.confidence) for picture in pictures),
            Timing(1.0, 1.0, 1.0),
        )


class Log:
    """A logger that keeps what it is told."""

    def __init__(self):
        self.lines = []
        self.warning = self.error = self.info = self.lines.append


class Bench:
    """A worker, by default with two cameras; use it in a ``with``.

    Attributes:
        now_s: both clocks, stopped until the test moves them; patch ``time.monotonic`` with it.
        wanted: whether anybody listens.
        published: captioned frames so far.
        on_publish: called with each; may raise.
    """

    def __init__(self, cameras=(FRONT, REAR), **settings):
        self.now_s, self.wanted = 1000.0, True
        self.settings = NodeSettings(**settings)
        self.model, self.log, self.published = StandIn(), Log(), []
        self.on_publish = lambda frame: None
        self.mailbox, self.statistics = Mailbox(), Statistics(cameras)
        self.faults = Faults(self.log)
        clock = SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=round(1e9 * self.now_s)))
        self.worker = CaptionWorker(
            self.model,
            self.mailbox,
            lambda: self.settings,
            lambda camera: self.wanted,
            self._publish,
            self.statistics,
            self.faults,
            clock,
            self.log,
        )

    def __enter__(self):
        self.worker.start()
        return self

    def __exit__(self, *_):
        assert self.worker.stop(TIMEOUT_S)

    def _publish(self, frame):
        self.on_publish(frame)
        self.published.append(frame)

    def put(self, camera=FRONT, brightness=100, age_s=0.0, stamp_s=None):
        """A frame arrives, stamped so many seconds ago."""
        header = Header()
        stamp_s = self.now_s - age_s if stamp_s is None else stamp_s
        header.stamp.sec, fraction = int(stamp_s // 1), stamp_s % 1
        header.stamp.nanosec = round(1e9 * fraction)
        message = raw_message(np.full((8, 8, 3), brightness, np.uint8), header)
        self.statistics.received(camera)
        received = ReceivedImage(camera, message, self.now_s, round(1e9 * self.now_s))
        if self.mailbox.put(received):
            self.statistics.dropped(camera, "replaced")

    def settle(self):
        """Wait until every frame is accounted for; returns the counts of each camera."""
        wait_for(lambda: all(r.received == total(r) for r in self.statistics.report()))
        return self.counts()

    def counts(self):
        return {
            report.camera: {"captioned": report.captioned, **report.dropped}
            for report in self.statistics.report()
        }

    def ask(self):
        answered = self.worker.request()
        wait_for(answered.done)
        return answered.result()


def total(report):
    return report.captioned + sum(report.dropped.values())


def wait_for(condition):
    over = threading.Event()
    deadline = time.perf_counter() + TIMEOUT_S
    while not condition():
        assert time.perf_counter() < deadline, "it never came true"
        over.wait(0.005)
