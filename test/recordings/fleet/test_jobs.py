"""What a fleet consists of, and what is left of it."""

import errno
import os
from pathlib import Path

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings.fleet.jobs import FrameId, Job, jobs


@pytest.fixture
def archive(tmp_path):
    """A bag in a folder of pictures, of which one is hidden."""
    for name in ("a.jpg", "sub/b.PNG", "sub/drive/metadata.yaml", "sub/drive/c.jpg", ".d.jpg", "e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_bags_and_pictures_are_found_at_any_depth_and_once(archive):
    bag, pictures = jobs([archive, archive / "a.jpg"], [])
    assert bag == Job(str(archive / "sub/drive"), done=set())
    assert pictures == Job(pictures=(str(archive / "a.jpg"), str(archive / "sub/b.PNG")))


def test_pictures_of_phones_are_not_passed_over_in_silence(archive):
    (archive / "photo.HEIC").touch()
    assert str(archive / "photo.HEIC") in jobs([archive], [])[1].pictures


def test_files_of_bags_without_metadata_are_bags(tmp_path):
    """As after a crash of the recorder, or of another one than rosbag2's."""
    for name in ("lost/lost_0.mcap", "lost/lost_1.mcap", "alone.db3", "old.bag", ".hidden.mcap"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [job.bag for job in jobs([tmp_path], [])]
    names = ["alone.db3", "old.bag", "lost/lost_0.mcap", "lost/lost_1.mcap"]
    assert found == [str(tmp_path / name) for name in names]


def test_links_to_folders_are_followed_once(archive, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "f.jpg").touch()
    (archive / "linked").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(archive)
    (archive / "twice").symlink_to(archive / "sub")
    bag, pictures = jobs([archive], [])
    assert bag.bag == str(archive / "sub/drive")
    names = ["a.jpg", "linked/f.jpg", "sub/b.PNG"]
    assert pictures.pictures == tuple(str(archive / name) for name in names)


def test_a_folder_spelt_in_two_ways_is_captioned_once(archive, tmp_path_factory):
    link = tmp_path_factory.mktemp("elsewhere") / "archive"
    link.symlink_to(archive)
    expected = jobs([archive], [])
    assert jobs([archive, link, link / "sub", archive / "sub" / "drive"], []) == expected
    bag, *_ = jobs([link / "sub", archive], [])
    assert bag.bag == str(link / "sub/drive")


def test_a_pipe_is_no_picture_nor_a_bag(archive):
    """Reading one would wait for ever for somebody who writes."""
    expected = jobs([archive], [])
    for name in ("pipe.jpg", "pipe.mcap"):
        os.mkfifo(archive / name)
    assert jobs([archive], []) == expected
    with pytest.raises(OptionsError, match=r"found neither a bag nor a picture in .*pipe.jpg"):
        jobs([archive / "pipe.jpg"], [])


def test_what_is_done_is_left_out(archive):
    drive = str(archive / "sub/drive")
    done = [FrameId(str(archive / "a.jpg")), FrameId(drive, "/front", 5)]
    bag, pictures = jobs([archive], done)
    assert Job.of_json(bag.to_json()) == Job(drive, [], frozenset(done[1:]))
    assert pictures.pictures == (str(archive / "sub/b.PNG"),)


def test_a_job_names_what_it_reads(archive):
    bag, pictures = jobs([archive], [])
    assert bag.sources == [bag.bag] and pictures.sources == pictures.pictures


def test_many_pictures_are_several_jobs(tmp_path):
    for number in range(130):
        (tmp_path / f"{number}.jpg").touch()
    assert [len(job.pictures) for job in jobs([tmp_path], [])] == [64, 64, 2]


@pytest.mark.parametrize(
    "name", ["none.jpg", "none", "none.mcap", "none.db3", "sub/drive/metadata.yaml"]
)
def test_a_source_of_nothing_is_named(name, archive):
    with pytest.raises(OptionsError, match=f"in .*{name}"):
        jobs([archive / name], [])


def test_a_folder_that_may_not_be_read_is_named(archive, monkeypatch):
    scandir = os.scandir

    def closed(path):
        if Path(path).name == "sub":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(OptionsError, match="cannot read .*/sub: Permission denied; expected"):
        jobs([archive], [])


def test_a_name_that_is_no_text_is_said_before_anything_is_captioned(archive):
    (archive / os.fsdecode(b"gr\xfcn.jpg")).touch()
    with pytest.raises(OptionsError, match=r"gr\\udcfcn.jpg'; expected names that are UTF-8"):
        jobs([archive], [])
