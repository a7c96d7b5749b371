"""What the doctor sees of the ROS graph."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time

import pytest
import rclpy
from ros_harness import Process
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from ros2_captioner.images.files import write_image
from ros2_captioner.tools.fast_dds import profiles_variable

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


@pytest.fixture
def discovery_server(monkeypatch):
    """Fast DDS tells a node by itself only of its own topics then."""
    program = shutil.which("fast-discovery-server", path=f"{sys.prefix}/bin:{os.environ['PATH']}")
    if program is None:
        pytest.skip("no discovery server of Fast DDS")
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    newer = ["42"] if profiles_variable().startswith("FASTDDS") else []  # so its script calls it
    command = [program, *newer, "-i", "0", "-l", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert any("Server" in line for line in server.stdout)  # it runs
    monkeypatch.setenv("ROS_DISCOVERY_SERVER", f"127.0.0.1:{port}")
    yield
    server.terminate()
    server.wait()


def test_all_are_seen_behind_a_discovery_server(discovery_server, tmp_path, photograph):
    photo, topic = tmp_path / "photo.png", "/camera/image_raw"
    write_image(photo, photograph)
    nodes = [
        Process("captioner_node", tmp_path / "node.log", always_on=True),
        Process("captioner_image_player", tmp_path / "camera.log", source=str(photo)),
        Process("captioner_watch", tmp_path / "watch.log"),
    ]
    try:
        nodes[-1].wait_for_log(f"{topic}: a")
        assert look() == {"cameras": {topic: "Image"}, "captioners": ["/captioner"]}
    finally:
        assert [node.stop() for node in nodes] == [0, 0, 0]


def look():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
