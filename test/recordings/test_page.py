"""The page of what was found."""

import base64
import re
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.images.decoding import decode
from ros2_captioner.images.files import write_image
from ros2_captioner.recordings.page import check_page, write_page
from ros2_captioner.recordings.search import Hit


def shown(page):
    """The pictures of a page with what stands for them where they are not seen."""
    found = re.findall(r'<img src="data:image/jpeg;base64,(\S+)" alt="(.*?)">', page.read_text())
    return [(decode(base64.b64decode(data), "it", 10**7), text) for data, text in found]


def hit(captions, **row):
    return Hit({"caption": "a dog", "score": -0.5, **row}, captions)


def test_a_picture_is_found_beside_its_captions_and_shrunk(tmp_path, photograph):
    write_image(tmp_path / "a.png", photograph)
    objects = [{"word": "dog", "probability": 0.91}]
    found = hit(tmp_path / "captions.jsonl", picture="a.png", confidence=0.83, objects=objects)
    found.row["caption"] = 'a "dog"'
    write_page(tmp_path / "out.html", "dogs", [found])
    ((picture, text),) = shown(tmp_path / "out.html")
    expected = cv2.resize(photograph, (480, 360), interpolation=cv2.INTER_AREA)
    assert text == "a &quot;dog&quot;" and picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).mean() < 6  # JPEG keeps no noise
    page = (tmp_path / "out.html").read_text()
    assert "<small>confidence 83%</small><small>a.png</small><small>sees dog 91%</small>" in page


def test_a_picture_beside_its_captions_is_taken_before_one_of_the_same_name_here(
    tmp_path, photograph, second_photograph, monkeypatch
):
    for day, picture in (("one", photograph), ("other", second_photograph)):
        (tmp_path / day).mkdir()
        write_image(tmp_path / day / "1.png", picture)
    monkeypatch.chdir(tmp_path / "other")
    write_page(tmp_path / "out.html", "dogs", [hit(Path("../one/c.jsonl"), picture="1.png")])
    ((picture, _),) = shown(tmp_path / "out.html")
    expected = cv2.resize(photograph, (480, 360), interpolation=cv2.INTER_AREA)
    assert np.abs(picture.astype(int) - expected).mean() < 6


def test_a_picture_is_found_beside_the_folder_of_captions_that_the_command_runs_in(
    tmp_path, photograph, monkeypatch
):
    write_image(tmp_path / "a.png", photograph)
    (tmp_path / "captions").mkdir()
    monkeypatch.chdir(tmp_path / "captions")
    write_page(Path("out.html"), "dogs", [hit(Path(), picture="a.png")])
    assert len(shown(Path("out.html"))) == 1


def test_the_frame_of_a_bag_is_the_one_that_was_captioned(tmp_path, photograph, second_photograph):
    pytest.importorskip("rosbags")
    from bags import jpeg, write_bag

    topic = "/front/image_raw/compressed"
    seen = [(topic, 1, jpeg(photograph, 1)), (topic, 2, jpeg(second_photograph, 2))]
    write_bag(tmp_path / "drive", seen)
    captions = tmp_path / "captions.jsonl"
    found = hit(captions, recording="drive", camera=topic, time_ns=2 * 10**9)
    lost = hit(captions, recording="drive", camera=topic, time_ns=3 * 10**9 // 2)
    write_page(tmp_path / "out.html", "dogs", [found, lost])
    ((picture, _),) = shown(tmp_path / "out.html")
    expected = cv2.resize(second_photograph, (480, 360), interpolation=cv2.INTER_AREA)
    assert np.abs(picture.astype(int) - expected).mean() < 8
    assert "drive has no message on" in (tmp_path / "out.html").read_text()


def test_a_bag_is_unpacked_once_for_all_its_hits(
    tmp_path, photograph, second_photograph, monkeypatch
):
    reader = pytest.importorskip("rosbags.rosbag2.reader")
    from bags import jpeg, write_bag

    topic = "/front/image_raw/compressed"
    pictures = {"drive": photograph, "other": second_photograph}
    for name, picture in pictures.items():
        seen = [(topic, second, jpeg(picture, second)) for second in (1, 2, 3)]
        write_bag(tmp_path / name, seen, "sqlite3-zstd-file")
    captions, unpack = tmp_path / "captions.jsonl", Mock(wraps=reader.shutil.copyfileobj)
    monkeypatch.setattr(reader.shutil, "copyfileobj", unpack)
    hits = [
        hit(captions, recording=name, camera=topic, time_ns=second * 10**9)
        for second in (3, 1, 2)
        for name in pictures
    ]
    write_page(tmp_path / "out.html", "dogs", hits)
    found = [picture.astype(int) for picture, _ in shown(tmp_path / "out.html")]
    assert len(found) == 6
    for number, name in enumerate([*pictures] * 3):
        expected = cv2.resize(pictures[name], (480, 360), interpolation=cv2.INTER_AREA)
        assert np.abs(found[number] - expected).mean() < 8
    assert unpack.call_count == 2


def test_what_is_written_is_text_and_what_is_missing_is_said(tmp_path):
    found = hit(tmp_path / "captions.jsonl", picture="<none>.png", caption="<i>")
    named = hit(tmp_path / "captions.jsonl", picture="gr\udcfc.png")
    write_page(tmp_path / "out.html", "<script>", [found, named])
    page = (tmp_path / "out.html").read_text()
    assert "<i>" not in page and "<none>" not in page and "gr\\udcfc.png" in page
    assert "<script>" not in page and "<h1>&lt;script&gt;</h1>" in page
    assert "found no &lt;none&gt;.png beside" in page and not shown(tmp_path / "out.html")
    write_page(tmp_path / "out.html", "x", [])
    page = (tmp_path / "out.html").read_text()
    assert "No caption has any" in page and "<ol>" not in page  # which holds items alone


def test_a_name_that_no_file_can_have_loses_no_other_picture(tmp_path, photograph):
    write_image(tmp_path / "a.png", photograph)
    found = [hit(tmp_path / "captions.jsonl", picture=name) for name in ("a" * 5000, "a.png")]
    write_page(tmp_path / "out.html", "dogs", found)
    assert len(shown(tmp_path / "out.html")) == 1
    assert "File name too long" in (tmp_path / "out.html").read_text()


def test_a_long_word_keeps_to_the_page_and_paper_cuts_no_moment_in_two(tmp_path):
    write_page(tmp_path / "out.html", "dogs", [])
    style = (tmp_path / "out.html").read_text()
    assert re.search(r"^body \{.*overflow-wrap: anywhere", style, re.MULTILINE)
    assert re.search(r"^li \{.*break-inside: avoid", style, re.MULTILINE)


def test_only_a_page_is_replaced(tmp_path, photograph):
    page, photo, link = (tmp_path / name for name in ("out.html", "a.png", "link.html"))
    check_page(page)
    page.touch()
    check_page(page)
    write_page(page, "dogs", [])
    check_page(page)
    write_image(photo, photograph)
    link.symlink_to(photo)
    for target in (photo, link):
        with pytest.raises(OptionsError, match="is no page of this command; expected a new file"):
            check_page(target)
    check_page(Path("/dev/full"))
