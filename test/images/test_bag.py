"""What is no bag is named before any message is read."""

import errno
import os
import shutil
import struct
from unittest.mock import Mock

import pytest
import yaml

from ros2_captioner.errors import FrameError, OptionsError
from ros2_captioner.images.bag import ImageBag, Recorded, restamped

pytest.importorskip("rosbags")

_TIME = "{sec: 0, nsec: 0}"
_QOS = f"""
- {{history: keep_last, depth: 1, reliability: reliable, durability: transient_local,
   deadline: {_TIME}, lifespan: {_TIME}, liveliness: automatic,
   liveliness_lease_duration: {_TIME}, avoid_ros_namespace_conventions: false}}
"""


@pytest.mark.parametrize(
    "content", [b"a: [\n", b"foo: 1\n", b"", b"- a\n", b"\xff\xfe\x00", b"\x00", b"{" * 2000]
)
def test_metadata_of_no_bag_is_named_in_a_line(content, tmp_path):
    (tmp_path / "metadata.yaml").write_bytes(content)
    with pytest.raises(OptionsError, match="bag is .*expected a rosbag2 folder") as refused:
        ImageBag(str(tmp_path))
    assert "\n" not in str(refused.value)


def test_the_metadata_of_a_bag_is_parsed_by_its_reader_alone(tmp_path, monkeypatch, photograph):
    from bags import raw, write_bag

    folder = write_bag(tmp_path / "drive", [("/front", 1.0, raw(photograph, 1.0))])
    monkeypatch.setattr("yaml.safe_load", lambda content: pytest.fail("parsed once more"))
    assert ImageBag(str(folder)).messages_total == 1


def test_where_a_file_of_a_bag_was_lost_it_is_told_what_makes_one_of_the_others(tmp_path):
    from bags import text, write_bag

    write_bag(tmp_path / "drive", [("/chatter", 1.0, text("hello"))])
    (tmp_path / "drive/drive.mcap").rename(tmp_path / "drive/other.mcap")
    with pytest.raises(OptionsError, match=r"missing: .*drive\.mcap.* lost or renamed, 'ros2"):
        ImageBag(str(tmp_path / "drive"))


def test_a_full_disk_is_not_blamed_on_the_bag(tmp_path, photograph, monkeypatch):
    from bags import jpeg, write_bag

    write_bag(tmp_path / "drive", [("/front", 1.0, jpeg(photograph, 1.0))], "sqlite3-zstd-file")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(shutil, "copyfileobj", Mock(side_effect=full))
    with pytest.raises(OptionsError, match=r"drive: no room in .* to unpack .* export TMPDIR="):
        ImageBag(str(tmp_path / "drive"))


def test_an_mcap_of_other_messages_is_not_called_cut(tmp_path, photograph):
    """As of ROS 1 or of Foxglove."""
    from bags import jpeg, write_bag

    folder = write_bag(tmp_path / "drive", [("/front", 1.0, jpeg(photograph, 1.0))], "mcap")
    file = folder / "drive.mcap"
    file.write_bytes(file.read_bytes().replace(b"ros2msg", b"ros1msg"))
    for bag in (folder, file):
        with pytest.raises(
            OptionsError, match="defined in ros1msg; expected .* type .*mcap filter"
        ):
            ImageBag(str(bag))


def test_a_topic_of_two_types_is_never_half_read(tmp_path, photograph):
    """As where recordings were merged: one of the types was taken, another one in each run."""
    from bags import STORE, jpeg, raw, text
    from rosbags.rosbag2 import StoragePlugin, Writer

    sent = [
        ("/front", raw(photograph, 1.0)), ("/front", text("hello")),
        ("/rear", raw(photograph, 1.0)), ("/rear", jpeg(photograph, 1.0)),
    ]  # fmt: skip
    bag = str(tmp_path / "drive")
    with Writer(tmp_path / "drive", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for second, (topic, (kind, cdr)) in enumerate(sent):
            writer.write(writer.add_connection(topic, kind, typestore=STORE), second, cdr)
    for topics in ([], ["/rear"]):
        with pytest.raises(OptionsError, match=r"two types on \['/rear'\]; expected one"):
            ImageBag(bag, topics)
    assert [message.time_ns for message in ImageBag(bag, ["/front"]).messages()] == [0]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_topic_has_the_type_of_its_messages(turn, tmp_path, photograph):
    """As where both types were announced and one was sent."""
    from bags import STORE, jpeg, raw
    from rosbags.rosbag2 import StoragePlugin, Writer

    (kind, cdr), (other, _) = (jpeg(photograph, 1), raw(photograph, 1))[::turn]
    for first, second in ((kind, other), (other, kind)):
        folder = tmp_path / first.rpartition("/")[2]
        with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            made = {each: writer.add_connection("/front", each, typestore=STORE)
                    for each in (first, second)}  # fmt: skip
            writer.write(made[kind], 1, cdr)
        bag = ImageBag(str(folder))
        assert bag.types == {"/front": kind} and len([*bag.messages()]) == 1


def test_a_topic_that_the_metadata_alone_tell_hides_nothing_without_messages(tmp_path, photograph):
    from bags import jpeg, metadata_of, write_bag

    folder = write_bag(tmp_path / "drive", [("/front", 1, jpeg(photograph, 1))])
    with metadata_of(folder) as told:
        front = told["topics_with_message_count"][0]
        rear = {**front["topic_metadata"], "name": "/rear"}
        told["topics_with_message_count"].append({"topic_metadata": rear, "message_count": 0})
    assert ImageBag(str(folder)).messages_total == 1


@pytest.mark.parametrize("form", ["mcap", "sqlite3"])
@pytest.mark.parametrize("topic", [0, 1])
@pytest.mark.parametrize("change", ["name", "type", "offered_qos_profiles", "gone"])
def test_images_that_edited_metadata_hide_are_named(change, topic, form, tmp_path, photograph):
    """rosbags reads from the files only what the metadata tell in the same words."""
    from bags import jpeg, metadata_of, raw, write_bag

    sent = [("/front", 1, jpeg(photograph, 1)), ("/rear", 1, raw(photograph, 1))]
    folder = write_bag(tmp_path / "a drive", sent, form)
    with metadata_of(folder) as told:
        topics = told["topics_with_message_count"]
        if change == "gone":
            del topics[topic]
        else:
            kinds = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
            qos = yaml.safe_load(_QOS)
            to = {"name": "/other", "type": kinds[topic], "offered_qos_profiles": qos}
            topics[topic]["topic_metadata"][change] = to[change]
    name = sent[topic][0]
    with pytest.raises(OptionsError, match=f"drive: .*{name}.* left out; .* reindex '/.* drive'"):
        ImageBag(str(folder))
    assert len([*ImageBag(str(folder), [sent[1 - topic][0]]).messages()]) == 1


def test_a_file_whose_index_names_no_message_is_told_what_adds_one(
    tmp_path, monkeypatch, photograph
):
    """As rosbag2 writes it with `noMessageIndex`: rosbags passes over all chunks in silence."""
    from bags import jpeg, write_bag
    from rosbags.rosbag2.storage_mcap import McapReader

    folder = write_bag(tmp_path / "drive", [("/front", 1, jpeg(photograph, 1))])
    monkeypatch.setattr(McapReader, "messages", lambda self, *given: iter(()))
    with pytest.raises(OptionsError, match="found no message; .*, 'mcap compress' adds it"):
        next(ImageBag(str(folder)).messages())


def test_a_message_is_found_by_its_topic_and_time(tmp_path, photograph):
    from bags import raw, write_bag

    sent = [("/front", 1, raw(photograph, 1)), ("/rear", 1, raw(photograph, 1.5)),
            ("/rear", 2, raw(photograph, 2))]  # fmt: skip
    bag = ImageBag(str(write_bag(tmp_path / "drive", sent)))
    assert (bag.start_ns, bag.end_ns) == (10**9, 2 * 10**9)
    for topic, seconds, (_, cdr) in sent:
        assert bag.message_at(topic, seconds * 10**9) == Recorded(topic, seconds * 10**9, cdr)
    with pytest.raises(OptionsError, match="has no message on /front at 999999999 ns"):
        bag.message_at("/front", 10**9 - 1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_message_gets_another_time_in_its_byte_order(order):
    def cdr(*stamp):
        return bytes([0, order == "<", 0, 0]) + struct.pack(f"{order}iI", *stamp)

    assert restamped(cdr(1, 2) + b"rest", -3, 4) == cdr(-3, 4) + b"rest"
    assert restamped(cdr(1, 2), 3, 4) == cdr(3, 4)
    with pytest.raises(FrameError, match="found 11 bytes; expected a serialised message"):
        restamped(cdr(1, 2)[:-1], 3, 4)
