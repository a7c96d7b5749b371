"""Bags of both storage formats, written here and replayed over real ROS into the node."""

import json
import struct

import pytest
from rclpy.serialization import deserialize_message, serialize_message
from ros_harness import Process
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header, String

from ros2_captioner.errors import OptionsError
from ros2_captioner.images.bag import ImageBag, restamped
from ros2_captioner.ros.messages.images import jpeg_message, raw_message

RAW, JPEG = "/front/image_raw", "/rear/image_raw/compressed"
TYPES = {Image: "sensor_msgs/msg/Image", CompressedImage: "sensor_msgs/msg/CompressedImage"}


def write_bag(folder, storage, messages):
    """``messages``: (topic, seconds, message)."""
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        connections = {}
        for topic, seconds, message in messages:
            kind = TYPES.get(type(message), "std_msgs/msg/String")
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            writer.write(connections[topic], int(seconds * 1e9), serialize_message(message))
    return folder


@pytest.fixture(params=[StoragePlugin.SQLITE3, StoragePlugin.MCAP], ids=["sqlite3", "mcap"])
def bag(request, tmp_path, photograph, second_photograph):
    old = Header(frame_id="recorded")
    old.stamp.sec = 12
    return write_bag(
        tmp_path / "bag",
        request.param,
        [
            ("/chatter", 100.0, String(data="hello")),
            (RAW, 100.0, raw_message(photograph[::2, ::2], old)),
            (JPEG, 100.2, jpeg_message(second_photograph, old)),
        ],
    )


def test_only_images_are_read(bag, photograph):
    images = ImageBag(str(bag))
    assert images.types == {RAW: TYPES[Image], JPEG: TYPES[CompressedImage]}
    first, second = images.messages()
    assert (first.topic, second.topic) == (RAW, JPEG)
    assert second.time_ns - first.time_ns == 200_000_000
    message = deserialize_message(first.cdr, Image)
    assert message.header.stamp.sec == 12 and message.header.frame_id == "recorded"
    assert bytes(message.data) == photograph[::2, ::2].tobytes()


def test_a_topic_that_is_not_there_is_named(bag):
    with pytest.raises(OptionsError, match="holds no images on .*side"):
        ImageBag(str(bag), ["/side/image_raw"])


def test_what_is_no_bag_is_named(tmp_path):
    with pytest.raises(OptionsError, match="expected a rosbag2 folder"):
        ImageBag(str(tmp_path))


@pytest.mark.parametrize("order", ["<", ">"])
def test_restamping_changes_the_stamp_alone(order):
    head = b"\x00\x01\x00\x00" if order == "<" else b"\x00\x00\x00\x00"
    message = head + struct.pack(f"{order}iI", 5, 6) + b"rest"
    assert restamped(message, 7, 8) == head + struct.pack(f"{order}iI", 7, 8) + b"rest"


def test_the_node_captions_a_bag(bag, tmp_path, client):
    node = Process("captioner_node", tmp_path / "node.log", image_topics=[RAW, JPEG])
    player = Process("captioner_bag_player", tmp_path / "player.log", bag=str(bag), rate=2.0)
    try:
        cameras = {RAW: "recorded", JPEG: "recorded"}

        def captioned():
            details = map(json.loads, client.details)
            return {d["camera"]: d["frame_id"] for d in details} == cameras

        assert client.spin_until(captioned), node.log + player.log
        assert json.loads(client.details[-1])["frame_age_s"] < 2
    finally:
        assert player.stop() == 0 and node.stop() == 0


def test_a_bag_played_once_ends_by_itself(bag, tmp_path, client):
    received = client.receive(CompressedImage, JPEG)
    player = Process("captioner_bag_player", tmp_path / "player.log", bag=str(bag), loop=False)
    assert client.spin_until(lambda: received and not player.alive), player.log
    assert player.stop() == 0 and len(received) == 1 and "played to the end" in player.log


def test_a_missing_bag_ends_with_one_clear_line(tmp_path):
    player = Process("captioner_bag_player", tmp_path / "player.log", bag="/nowhere")
    assert player.exit_status() == 1
    assert "expected a rosbag2 folder" in player.log and "Traceback" not in player.log
