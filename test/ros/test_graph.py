"""What the doctor sees of the ROS graph."""

import json
import subprocess
import sys
import time

import rclpy
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

PROGRAM = "from ros2_captioner.ros.graph import main; main()"


def test_cameras_and_captioners_are_seen(client):
    camera, overlay = rclpy.create_node("camera", context=client.node.context), client.node
    publishers = [
        camera.create_publisher(Image, "/left/image_raw", 1),
        overlay.create_publisher(Image, "/overlay", 1),
    ]
    overlay.create_service(Trigger, "~/caption", None)
    captioner, deadline = f"/{overlay.get_name()}", time.monotonic() + 60
    # On a busy machine others may be discovered later than a look takes.
    while (
        "/left/image_raw" not in (seen := look())["cameras"] or captioner not in seen["captioners"]
    ):
        assert time.monotonic() < deadline, seen
    camera.destroy_node()
    assert len(publishers) == 2
    assert seen["cameras"]["/left/image_raw"] == "Image"
    assert "/overlay" not in seen["cameras"]


def test_two_captioners_of_one_name_are_both_named(client):
    twins = [rclpy.create_node("twin", context=client.node.context) for _ in range(2)]
    for node in twins:
        node.create_service(Trigger, "~/caption", None)
    deadline = time.monotonic() + 60
    while (seen := look()["captioners"]) != ["/twin", "/twin"]:
        assert time.monotonic() < deadline, seen
    for node in twins:
        node.destroy_node()


def look():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
