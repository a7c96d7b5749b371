"""What is no bag is named before it is opened."""

import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.images.bag import ImageBag
from ros2_captioner.images.bag_path import bag_path, is_recording


@pytest.mark.parametrize("name", ["metadata.yaml", "drive_0.mcap", "drive_0.db3"])
def test_a_recording_is_told_by_what_lies_in_it(name, tmp_path):
    assert not is_recording(tmp_path)
    (tmp_path / "front.jpg").touch()
    assert not is_recording(tmp_path) and not is_recording(tmp_path / "front.jpg")
    (tmp_path / name).touch()
    assert is_recording(tmp_path) and is_recording(tmp_path / name)


def test_a_folder_without_metadata_is_told_so(tmp_path):
    with pytest.raises(OptionsError, match="has no metadata.yaml; .* ros2 bag reindex"):
        bag_path(str(tmp_path))


def test_no_bag_and_a_bag_that_is_not_there_are_said():
    with pytest.raises(OptionsError, match="no bag was given; expected a rosbag2 folder"):
        bag_path("")
    with pytest.raises(OptionsError, match="found nothing at 'none'; expected a rosbag2 folder"):
        bag_path("none")


def test_a_name_that_is_not_utf_8_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / os.fsdecode(b"gr\xfcn")
    folder.mkdir()
    with pytest.raises(OptionsError, match="name is UTF-8"):
        bag_path(str(folder))
    monkeypatch.chdir(folder)
    with pytest.raises(OptionsError, match="name is UTF-8"):
        bag_path(".")


@pytest.mark.parametrize("of", ["folder", "file"])
def test_messages_that_a_crash_left_in_the_log_are_not_passed_over(of, tmp_path, photograph):
    """As of rosbag2's resilient preset: what has not been merged into the database by then."""
    pytest.importorskip("rosbags")
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
    file.with_name("drive.db3-wal").touch()  # as SQLite leaves it while another program reads
    assert [message.time_ns % 10**9 for message in ImageBag(bag).messages()] == [1, 1]


def test_of_a_bag_of_ros_1_it_is_told_what_makes_one_of_ros_2(tmp_path):
    file = tmp_path / "old drive.bag"
    file.write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(OptionsError) as refused:
        bag_path(str(file))
    command = f"rosbags-convert --src '{file}' --dst '{tmp_path / 'old drive'}'"
    assert str(refused.value).endswith(f"is a bag of ROS 1; expected one of ROS 2, type: {command}")


def test_a_folder_may_have_any_name_and_lie_in_the_home_folder(tmp_path, monkeypatch):
    (tmp_path / "new.bag").mkdir()
    (tmp_path / "new.bag/metadata.yaml").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert bag_path("~/new.bag") == tmp_path / "new.bag"


@pytest.mark.parametrize("name", ["video.mp4", "captions.jsonl", "drive.db3.zstd", "drive"])
def test_a_file_that_is_no_recording_is_not_called_cut(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(OptionsError, match=f"{name} is no recording; expected a rosbag2 folder"):
        bag_path(str(tmp_path / name))


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%41b"])
def test_a_path_that_rosbags_would_take_for_another_is_refused(name, tmp_path, photograph):
    pytest.importorskip("rosbags")
    from bags import jpeg, write_bag

    sent = [("/front", 1.0, jpeg(photograph, 1.0))]
    for form in ("mcap", "sqlite3"):
        write_bag(tmp_path / form, sent, form).rename(tmp_path / f"{name} {form}")
    assert ImageBag(str(tmp_path / f"{name} mcap")).messages_total == 1
    for bag in (tmp_path / f"{name} sqlite3", tmp_path / f"{name} sqlite3/sqlite3.db3"):
        with pytest.raises(OptionsError, match=r"expected a path of a sqlite3 bag without '#'"):
            ImageBag(str(bag))
