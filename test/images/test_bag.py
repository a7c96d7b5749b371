"""What is no bag is named before any message is read."""

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from unittest.mock import Mock

import pytest
import yaml

from ros2_captioner.errors import OptionsError
from ros2_captioner.images.bag import ImageBag, is_recording

pytest.importorskip("rosbags")

_TIME = "{sec: 0, nsec: 0}"
_QOS = f"""
- {{history: keep_last, depth: 1, reliability: reliable, durability: transient_local,
   deadline: {_TIME}, lifespan: {_TIME}, liveliness: automatic,
   liveliness_lease_duration: {_TIME}, avoid_ros_namespace_conventions: false}}
"""


@pytest.mark.parametrize("name", ["metadata.yaml", "drive_0.mcap", "drive_0.db3"])
def test_a_recording_is_told_by_what_lies_in_it(name, tmp_path):
    assert not is_recording(tmp_path)
    (tmp_path / "front.jpg").touch()
    assert not is_recording(tmp_path) and not is_recording(tmp_path / "front.jpg")
    (tmp_path / name).touch()
    assert is_recording(tmp_path) and is_recording(tmp_path / name)


@pytest.mark.parametrize(
    "content", [b"a: [\n", b"foo: 1\n", b"", b"- a\n", b"\xff\xfe\x00", b"\x00", b"{" * 2000]
)
def test_metadata_of_no_bag_is_named_in_a_line(content, tmp_path):
    (tmp_path / "metadata.yaml").write_bytes(content)
    with pytest.raises(OptionsError, match="bag is .*expected a rosbag2 folder") as refused:
        ImageBag(str(tmp_path))
    assert "\n" not in str(refused.value)


def test_a_folder_without_metadata_is_told_so(tmp_path):
    with pytest.raises(OptionsError, match="has no metadata.yaml; .* ros2 bag reindex"):
        ImageBag(str(tmp_path))


def test_no_bag_and_a_bag_that_is_not_there_are_said():
    with pytest.raises(OptionsError, match="no bag was given; expected a rosbag2 folder"):
        ImageBag("")
    with pytest.raises(OptionsError, match="found nothing at 'none'; expected a rosbag2 folder"):
        ImageBag("none")


def test_a_name_that_is_not_utf_8_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / os.fsdecode(b"gr\xfcn")
    folder.mkdir()
    with pytest.raises(OptionsError, match="name is UTF-8"):
        ImageBag(str(folder))
    monkeypatch.chdir(folder)
    with pytest.raises(OptionsError, match="name is UTF-8"):
        ImageBag(".")


def test_the_metadata_of_a_bag_is_parsed_by_its_reader_alone(tmp_path, monkeypatch, photograph):
    from bags import raw, write_bag

    folder = write_bag(tmp_path / "drive", [("/front", 1.0, raw(photograph, 1.0))])
    monkeypatch.setattr("yaml.safe_load", lambda content: pytest.fail("parsed once more"))
    assert ImageBag(str(folder)).messages_total == 1


@pytest.mark.parametrize("of", ["folder", "file"])
def test_messages_that_a_crash_left_in_the_log_are_not_passed_over(of, tmp_path, photograph):
    """As of rosbag2's resilient preset: what has not been merged into the database by then."""
    from bags import jpeg, write_bag

    folder, crashed = tmp_path / "drive", tmp_path / "crashed"
    sent = [("/front", second, jpeg(photograph, second)) for second in (1, 2)]
    write_bag(folder, sent, "sqlite3")
    with closing(sqlite3.connect(folder / "drive.db3")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("UPDATE messages SET timestamp = timestamp + 1")
        database.commit()
        shutil.copytree(folder, crashed)
    file = crashed / "drive.db3"
    bag = str(crashed if of == "folder" else file)
    with pytest.raises(OptionsError, match=r"drive\.db3-wal holds messages .*, type: sqlite3 "):
        ImageBag(bag)
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert [message.time_ns % 10**9 for message in ImageBag(bag).messages()] == [1, 1]


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


def test_of_a_bag_of_ros_1_it_is_told_what_makes_one_of_ros_2(tmp_path):
    file = tmp_path / "old drive.bag"
    file.write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(OptionsError) as refused:
        ImageBag(str(file))
    command = f"rosbags-convert --src '{file}' --dst '{tmp_path / 'old drive'}'"
    assert str(refused.value).endswith(f"is a bag of ROS 1; expected one of ROS 2, type: {command}")


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


@pytest.mark.parametrize("name", ["video.mp4", "captions.jsonl", "drive.db3.zstd", "drive"])
def test_a_file_that_is_no_recording_is_not_called_cut(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(OptionsError, match=f"{name} is no recording; expected a rosbag2 folder"):
        ImageBag(str(tmp_path / name))


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%41b"])
def test_a_path_that_rosbags_would_take_for_another_is_refused(name, tmp_path, photograph):
    from bags import jpeg, write_bag

    sent = [("/front", 1.0, jpeg(photograph, 1.0))]
    for form in ("mcap", "sqlite3"):
        write_bag(tmp_path / form, sent, form).rename(tmp_path / f"{name} {form}")
    assert ImageBag(str(tmp_path / f"{name} mcap")).messages_total == 1
    for bag in (tmp_path / f"{name} sqlite3", tmp_path / f"{name} sqlite3/sqlite3.db3"):
        with pytest.raises(OptionsError, match=r"expected a path of a sqlite3 bag without '#'"):
            ImageBag(str(bag))


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
