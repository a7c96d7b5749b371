"""``image_player``: a folder of pictures, a video or a webcam, published as a camera."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from ros2_captioner.errors import FrameError, OptionsError
from ros2_captioner.images.sources import frames_from, shrink
from ros2_captioner.ros.messages.images import jpeg_message, raw_message
from ros2_captioner.ros.process.spinning import end_after_delivery

_PARAMETERS = {
    "source": ("", "Folder of pictures, picture, video file, or webcam (0, /dev/video0)"),
    "topic": ("camera/image_raw", "Topic; with format jpeg, /compressed is appended"),
    "format": ("raw", "raw (sensor_msgs/Image, rgb8) or jpeg (sensor_msgs/CompressedImage)"),
    "rate_hz": (5.0, "Frames a second"),
    "loop": (True, "Begin anew at the end; otherwise the process ends there"),
    "max_side": (640, "Longer side in pixels to which larger frames are shrunk; 0 keeps them"),
    "frame_id": ("camera", "frame_id of the header"),
}


class ImagePlayer(Node):
    """Publishes the frames of a source; ends its process after the last one unless it loops.

    When it plays once it waits for a subscriber, and at the end until reliable subscribers have
    all frames.

    Raises:
        OptionsError: a parameter is out of range.
        FrameError: the source does not exist.
    """

    def __init__(self) -> None:
        super().__init__("image_player")
        for name, (default, description) in _PARAMETERS.items():
            self.declare_parameter(name, default, ParameterDescriptor(description=description))
        self._jpeg = self._one_of("format", ("raw", "jpeg")) == "jpeg"
        self._loop = bool(self._value("loop"))
        rate_hz = self._value("rate_hz")
        if not 0 < rate_hz <= 1000:
            raise OptionsError(f"rate_hz is {rate_hz}; expected a value above 0 up to 1000")
        self._frames = frames_from(self._value("source"), self._loop)
        topic = self._value("topic") + ("/compressed" if self._jpeg else "")
        qos = QoSProfile(
            history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE
        )
        self._publisher = self.create_publisher(
            CompressedImage if self._jpeg else Image, topic, qos
        )
        self.create_timer(1 / rate_hz, self._play)
        self.get_logger().info(f"playing {self._value('source')} on {self._publisher.topic_name}")

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _one_of(self, name: str, choices: tuple[str, ...]) -> str:
        value = str(self._value(name))
        if value not in choices:
            raise OptionsError(f"{name} is {value!r}; expected one of {list(choices)}")
        return value

    def _play(self) -> None:
        if not self._loop and self._publisher.get_subscription_count() == 0:
            return
        try:
            frame = next(self._frames, None)
        except FrameError as error:
            self.get_logger().error(str(error))
            frame = None
        if frame is None:
            end_after_delivery(self, [self._publisher])
            return
        header = Header(
            stamp=self.get_clock().now().to_msg(), frame_id=str(self._value("frame_id"))
        )
        frame = shrink(frame, int(self._value("max_side")))
        self._publisher.publish(
            jpeg_message(frame, header) if self._jpeg else raw_message(frame, header)
        )
