"""What the doctor sees of the ROS graph."""

import json
import subprocess
import sys

import rclpy
from sensor_msgs.msg import Image
from std_msgs.msg import String

PROGRAM = "from ros2_captioner.ros.graph import main; main()"


def test_cameras_and_captioners_are_seen(client):
    camera, overlay = rclpy.create_node("camera", context=client.node.context), client.node
    publishers = [
        camera.create_publisher(Image, "/left/image_raw", 1),
        overlay.create_publisher(Image, "/overlay", 1),
        overlay.create_publisher(String, "/scene_caption/detail", 1),
    ]
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    camera.destroy_node()
    seen = json.loads(done.stdout)
    assert publishers and seen["cameras"].get("/left/image_raw") == "Image", done.stderr
    assert "/overlay" not in seen["cameras"]
    assert f"/{overlay.get_name()}" in seen["captioners"]
