"""Bags of both storage formats, written here and replayed over real ROS into the node."""

import json
import os
import random
import shutil
import struct
import time
from collections import Counter

import pytest
from rclpy.serialization import deserialize_message, serialize_message
from ros_harness import Process
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header, String

from ros2_captioner.errors import FrameError, OptionsError
from ros2_captioner.images.bag import ImageBag, restamped
from ros2_captioner.ros.messages.images import jpeg_message, raw_message

pytest.importorskip("rosbags")
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

RAW, JPEG = "/front/image_raw", "/rear/image_raw/compressed"
PLAYER = "captioner_bag_player"
BAGS = int(os.environ.get("FUZZ_BAGS", "30"))
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


def test_a_tilde_is_the_home_folder(bag, monkeypatch):
    monkeypatch.setenv("HOME", str(bag.parent))
    assert ImageBag(f"~/{bag.name}").types == ImageBag(str(bag)).types


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


@pytest.mark.parametrize("restamp", [True, False])
def test_a_bag_played_once_ends_by_itself(bag, tmp_path, client, restamp):
    received = client.receive(CompressedImage, JPEG)
    player = Process(PLAYER, tmp_path / "log", bag=str(bag), loop=False, restamp=restamp)
    assert client.spin_until(lambda: received and not player.alive), player.log
    assert player.stop() == 0 and len(received) == 1 and "played to the end" in player.log
    assert (received[0].header.stamp.sec == 12) is not restamp


def test_a_missing_bag_ends_with_one_clear_line(tmp_path):
    player = Process("captioner_bag_player", tmp_path / "player.log", bag="/nowhere")
    assert player.exit_status() == 1
    assert "expected a rosbag2 folder" in player.log and "Traceback" not in player.log


def test_a_single_topic_may_be_named_without_brackets(bag, tmp_path, client):
    received = client.receive(CompressedImage, JPEG)
    player = Process(PLAYER, tmp_path / "log", bag=str(bag), topics=JPEG, rate=1)
    assert client.spin_until(lambda: received), player.log
    assert player.stop() == 0 and f"on {JPEG}\n" in player.log


def test_the_topics_are_told_as_they_are_remapped(bag, tmp_path):
    player = Process(PLAYER, tmp_path / "log", [f"{JPEG}:=/elsewhere"], bag=str(bag), topics=JPEG)
    player.wait_for_log("on /elsewhere\n")
    assert player.stop() == 0


def test_what_is_read_at_start_cannot_be_changed(bag, tmp_path, client):
    player = Process(PLAYER, tmp_path / "log", bag=str(bag))
    (result,), _ = client.set_parameters("/bag_player", topics=[JPEG])
    assert not result.successful and "read-only" in result.reason
    assert player.stop() == 0


@pytest.fixture
def empty_bag(tmp_path):
    """An image topic without a message."""
    store, folder = get_typestore(Stores.ROS2_JAZZY), tmp_path / "empty"
    with Writer(folder, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        writer.add_connection(RAW, TYPES[Image], typestore=store)
    return folder


def ends_with(process, text):
    assert process.exit_status() == 1
    errors = [line for line in process.log.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and text in errors[0] and "expected" in errors[0], process.log
    assert "Traceback" not in process.log


def test_a_bag_without_messages_is_named(empty_bag, tmp_path):
    ends_with(Process(PLAYER, tmp_path / "log", bag=str(empty_bag)), f"no message on ['{RAW}']")


def test_a_bag_that_claims_messages_it_lacks_is_named(empty_bag, tmp_path):
    metadata = empty_bag / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("message_count: 0", "message_count: 3"))
    ends_with(Process(PLAYER, tmp_path / "log", bag=str(empty_bag)), "found no message")


def test_a_storage_that_breaks_while_it_is_read_is_named(tmp_path, photograph):
    frames = [(RAW, second, raw_message(photograph, Header())) for second in range(3)]
    folder = write_bag(tmp_path / "bag", StoragePlugin.SQLITE3, frames)
    (file,) = folder.glob("*.db3")
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200_000] = bytes(200_000)
    file.write_bytes(content)
    process = Process(PLAYER, tmp_path / "log", bag=str(folder), rate=100)
    ends_with(process, str(folder))


def test_a_bag_of_one_message_loops_at_a_bounded_rate(tmp_path, client, photograph):
    small = raw_message(photograph[::20, ::20], Header())
    folder = write_bag(tmp_path / "bag", StoragePlugin.SQLITE3, [(RAW, 1.0, small)])
    received = client.receive(Image, RAW)
    player = Process(PLAYER, tmp_path / "log", bag=str(folder))
    assert client.spin_until(lambda: received), player.log
    begun, count = time.monotonic(), len(received)
    assert client.spin_until(lambda: len(received) >= count + 5), player.log
    assert time.monotonic() - begun > 0.3 and player.stop() == 0


def test_a_recording_that_begins_at_zero_keeps_its_pace(tmp_path, client, photograph):
    small = raw_message(photograph[::20, ::20], Header())
    messages = [(RAW, seconds, small) for seconds in (0.0, 0.75, 0.8)]
    folder = write_bag(tmp_path / "bag", StoragePlugin.SQLITE3, messages)
    arrivals = []
    client.node.create_subscription(Image, RAW, lambda _: arrivals.append(time.monotonic()), 10)
    player = Process(PLAYER, tmp_path / "log", bag=str(folder), loop=False, rate=0.5)
    assert client.spin_until(lambda: len(arrivals) == 3), player.log
    assert arrivals[1] - arrivals[0] > 1.0 and player.exit_status() == 0


@pytest.mark.parametrize("rate", [0.01, 1.0])
def test_a_gap_in_a_recording_is_told(tmp_path, client, photograph, rate):
    """Of the size that lies between simulated time and that of the day."""
    small = raw_message(photograph[::20, ::20], Header())
    folder = write_bag(
        tmp_path / "bag", StoragePlugin.SQLITE3, [(RAW, 0.0, small), (RAW, 1.7e9, small)]
    )
    player = Process(PLAYER, tmp_path / "log", bag=str(folder), rate=rate)
    player.wait_for_log("the next message is due in 1000000000 s")
    assert player.alive and player.stop() == 0


@pytest.mark.parametrize("cdr", [b"", b"\0\1\0\0", bytes(11)])
def test_a_message_too_short_for_a_header_is_refused(cdr):
    with pytest.raises(FrameError, match="expected a serialised message"):
        restamped(cdr, 1, 2)


def outcome(folder):
    try:
        bag = ImageBag(str(folder))
        return len([restamped(message.cdr, 1, 2) for message in bag.messages()])
    except (OptionsError, FrameError) as error:
        return "refused" if "expected" in str(error) and "\n" not in str(error) else str(error)


def test_mutated_bags_are_played_or_refused(tmp_path, photograph, second_photograph, marks):
    old, seen = Header(frame_id="recorded"), Counter()
    small, other = photograph[::8, ::8], second_photograph[::8, ::8]
    messages = [(RAW, 100.0, raw_message(small, old)), (JPEG, 100.2, jpeg_message(other, old))]
    for storage in (StoragePlugin.SQLITE3, StoragePlugin.MCAP):
        whole = write_bag(tmp_path / storage.name, storage, messages)
        dice = random.Random(0)
        for _ in range(BAGS // 2):
            folder = tmp_path / "mutated"
            shutil.copytree(whole, folder)
            file = dice.choice(sorted(folder.iterdir()))
            content = bytearray(file.read_bytes())
            for _ in range(dice.randint(1, 20)):
                content[dice.randrange(len(content))] = dice.randrange(256)
            file.write_bytes(content[: dice.choice([len(content), dice.randrange(len(content))])])
            seen[outcome(folder)] += 1
            shutil.rmtree(folder)
    print(dict(seen))
    assert set(seen) <= {0, 1, 2, "refused"} and seen["refused"] and seen[2]
    marks("mutated bags played or refused", seen.total(), "bags", at_least=BAGS // 2 * 2)
