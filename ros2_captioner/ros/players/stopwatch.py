"""A camera that times how long its captions take, for benchmarks."""

from __future__ import annotations

import json
import time

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String

from ros2_captioner.ros.messages.images import raw_message

TOPIC = "/benchmark/image_raw"


class Stopwatch:
    """A camera that publishes one image again and again, and listens for its captions.

    Args:
        frame: uint8 ``[height, width, 3]`` RGB.

    Attributes:
        total_ms: stamp to the arrival of the caption here, for each caption.
        model_ms: of it resize, encode and decode.
    """

    def __init__(self, frame: NDArray[np.uint8]) -> None:
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("captioner_benchmark", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._message = raw_message(frame, Header(frame_id="camera"))
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self._publisher = self._node.create_publisher(Image, TOPIC, qos)
        self._node.create_subscription(String, "/scene_caption/detail", self._on_detail, 10)
        self.total_ms: list[float] = []
        self.model_ms: list[float] = []

    def send(self) -> None:
        """Publish the image with the present as its stamp."""
        self._message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(self._message)

    def _on_detail(self, message: String) -> None:
        now = self._node.get_clock().now()
        detail = json.loads(message.data)
        if detail["camera"] == TOPIC:
            stamp = Time(seconds=detail["stamp"]["sec"], nanoseconds=detail["stamp"]["nanosec"],
                         clock_type=now.clock_type)  # fmt: skip
            self.total_ms.append((now - stamp).nanoseconds / 1e6)
            self.model_ms.append(sum(detail["latency_ms"].values()))

    def spin(self, until_s: float) -> None:
        """Listen up to a monotonic time."""
        while (left_s := until_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left_s)

    def close(self) -> None:
        """End the node."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)
