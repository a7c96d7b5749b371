"""``captioner_bag_player``: the image topics of a rosbag2 recording, as the cameras sent them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import FrameError
from ros2_captioner.images.bag import ImageBag, Recorded, restamped
from ros2_captioner.ros.messages.images import IMAGE_CLASSES
from ros2_captioner.ros.players.publisher import image_publisher
from ros2_captioner.ros.process.parameters import declare_parameters
from ros2_captioner.ros.process.qos_overrides import warn_of_unused_overrides
from ros2_captioner.ros.process.spinning import end_after_delivery
from ros2_captioner.settings import BagPlayerSettings

_WAIT_S = 0.1  # for the first subscriber
_SHORTEST_PASS_S = 0.1  # so that a single message does not loop as fast as it can
_GAP_S = 10.0  # between messages, from which a player that waits says so
_LONGEST_S = 1e9  # a timer takes no more than 64 bits of nanoseconds


class BagPlayer(Node):
    """Publishes a bag's images, undecoded; ends its process after the last unless it loops.

    When it plays once it waits for a subscriber, and at the end until reliable subscribers have
    all frames.

    Raises:
        OptionsError: a parameter is out of range, or the bag cannot be read; also while playing.
    """

    def __init__(self) -> None:
        super().__init__("bag_player")
        settings = declare_parameters(self, BagPlayerSettings, read_only=True)
        self._settings = settings
        self._bag = ImageBag(settings.bag, settings.topics)
        self._outputs = {
            topic: image_publisher(self, IMAGE_CLASSES[kind], topic)
            for topic, kind in self._bag.types.items()
        }
        warn_of_unused_overrides(self)
        self._schedule = self._scheduled()
        self._next: Recorded | None = None
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(_WAIT_S, self._play, clock=steady)
        topics = sorted({output.topic_name for output in self._outputs.values()})
        self.get_logger().info(in_line(f"playing {settings.bag} on {', '.join(topics)}"))

    def _scheduled(self) -> Iterator[tuple[float, Recorded]]:
        """Every message with the monotonic time, in seconds, at which it is due."""
        begun_s = -math.inf
        while True:
            begun_s = max(time.monotonic(), begun_s + _SHORTEST_PASS_S)
            first_ns: int | None = None
            for message in self._bag.messages():
                first_ns = message.time_ns if first_ns is None else first_ns
                yield begun_s + (message.time_ns - first_ns) * 1e-9 / self._settings.rate, message
            if not self._settings.loop:
                return

    def _play(self) -> None:
        """Publish what is due, and come back when the next message is."""
        if self._next is None and not self._settings.loop and not self._heard():
            return
        if self._next is not None:
            self._publish(self._next)
        due_s, self._next = next(self._schedule, (0.0, None))
        if self._next is None:
            self._timer.cancel()
            end_after_delivery(self, self._outputs.values())
            return
        wait_s = min(max(0.0, due_s - time.monotonic()), _LONGEST_S)
        if wait_s > _GAP_S:
            self.get_logger().info(f"the next message is due in {wait_s:.0f} s, as recorded")
        self._timer.timer_period_ns = int(1e9 * wait_s)
        self._timer.reset()

    def _heard(self) -> bool:
        return any(output.get_subscription_count() for output in self._outputs.values())

    def _publish(self, message: Recorded) -> None:
        cdr = message.cdr
        try:
            if self._settings.restamp:
                cdr = restamped(cdr, *self.get_clock().now().seconds_nanoseconds())
        except FrameError as error:
            self.get_logger().warning(in_line(f"{message.topic}: passed over a message: {error}"))
            return
        self._outputs[message.topic].publish(cdr)
