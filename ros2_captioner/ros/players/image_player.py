"""``captioner_image_player``: a folder of images, a video or a webcam, published as a camera."""

from __future__ import annotations

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import FrameError
from ros2_captioner.images.sources import frames_from, shrink
from ros2_captioner.ros.messages.images import jpeg_message, raw_message
from ros2_captioner.ros.players.publisher import image_publisher
from ros2_captioner.ros.process.parameters import declare_parameters
from ros2_captioner.ros.process.qos_overrides import warn_of_unused_overrides
from ros2_captioner.ros.process.spinning import end_after_delivery
from ros2_captioner.settings import ImagePlayerSettings


class ImagePlayer(Node):
    """Publishes the frames of a source; ends its process after the last one unless it loops.

    When it plays once it waits for a subscriber, and at the end until reliable subscribers have
    all frames.

    Raises:
        OptionsError: a parameter is out of range.
        FrameError: the source does not exist, or while playing, gives no frame any more.
    """

    def __init__(self) -> None:
        super().__init__("image_player")
        settings = declare_parameters(self, ImagePlayerSettings, read_only=True)
        self._settings = settings
        self._jpeg = settings.format == "jpeg"
        self._frames = frames_from(settings.source, settings.loop, self._pass_over)
        self._passed_over: set[str] = set()
        topic = settings.topic + ("/compressed" if self._jpeg else "")
        self._publisher = image_publisher(self, CompressedImage if self._jpeg else Image, topic)
        warn_of_unused_overrides(self)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # plays on where simulated time stands
        self._timer = self.create_timer(1 / settings.rate_hz, self._play, clock=steady)
        self.get_logger().info(
            in_line(f"playing {settings.source} on {self._publisher.topic_name}")
        )

    def _pass_over(self, message: str) -> None:
        """Say once of each image that it cannot be read."""
        if message not in self._passed_over:
            self._passed_over.add(message)
            self.get_logger().warning(in_line(f"passed over: {message}"))

    def _play(self) -> None:
        if not self._settings.loop and self._publisher.get_subscription_count() == 0:
            return
        frame = next(self._frames, None)
        if frame is None:
            self._timer.cancel()
            end_after_delivery(self, [self._publisher])
            return
        now = self.get_clock().now().to_msg()
        header = Header(stamp=now, frame_id=self._settings.frame_id)
        frame = shrink(frame, self._settings.max_side)
        make = jpeg_message if self._jpeg else raw_message
        try:
            self._publisher.publish(make(frame, header))
        except FrameError as error:
            self._pass_over(str(error))
