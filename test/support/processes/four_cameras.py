"""Four cameras of mixed type that publish in turn, thirty frames a second each, until a signal."""

import contextlib

import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from ros2_captioner.ros.messages.images import jpeg_message, raw_message

CAMERAS = (
    "/front/image_raw",
    "/rear/image_raw/compressed",
    "/left/image_raw",
    "/right/image_raw/compressed",
)
FRAMES_A_SECOND = 120


def main():
    rclpy.init()
    node = rclpy.create_node("four_cameras")
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    picture = cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC)
    outputs = [
        (jpeg_message, node.create_publisher(CompressedImage, topic, 5))
        if topic.endswith("compressed")
        else (raw_message, node.create_publisher(Image, topic, 5))
        for topic in CAMERAS
    ]
    # Made once: it is the node whose work is measured.
    messages = [make(picture, Header(frame_id="camera")) for make, _ in outputs]
    sent = 0

    def publish():
        nonlocal sent
        place = sent % len(CAMERAS)
        messages[place].header.stamp = node.get_clock().now().to_msg()
        outputs[place][1].publish(messages[place])
        sent += 1

    node.create_timer(1 / FRAMES_A_SECOND, publish)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


main()
