"""What the terminal view remembers of captioners."""

import json

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from ros2_captioner.ros.watch.board import Board

RAW = "/camera/image_raw"


def test_captioners_of_any_name_are_told_apart(four_cameras):
    statuses = [*four_cameras("robot1/captioner"), *four_cameras("/words")]
    board = Board()
    board.keep_statuses(statuses, 0.0)
    view = board.view(80, 100, 0.0, colour=False)
    for title in ("robot1/captioner: model", "/words: model", "/words: /camera3/image_raw"):
        assert f"OK    {title}" in view.splitlines()


def test_captions_of_one_camera_are_told_apart_by_the_captioner(four_cameras):
    board = Board()
    board.keep_statuses([*four_cameras("robot/a"), *four_cameras("b")], 0.0)
    for node, caption in (("/robot/a", "a dog"), ("/b", "a cat")):
        detail = {"node": node, "camera": "/camera0/image_raw", "caption": caption}
        assert board.keep_detail(json.dumps(detail), 0.0)
    lines = board.view(80, 100, 0.0, colour=False).splitlines()
    for title, caption in (("robot/a", "a dog"), ("b", "a cat")):
        place = lines.index(f"OK    {title}: /camera0/image_raw")
        assert f"      > {caption}" in lines[place : place + 4]
        assert sum(line.endswith(f"> {caption}") for line in lines) == 1


def test_lines_name_the_captioner_where_there_are_several():
    board = Board()

    def line(node, caption):
        return board.keep_detail(json.dumps({"node": node, "camera": RAW, "caption": caption}), 0.0)

    assert [line("/a", "a dog"), line("/a", "a cat")] == [f"{RAW}: a dog", f"{RAW}: a cat"]
    assert line("/robot/b", "a dog") == f"robot/b: {RAW}: a dog"
    assert line("/a", "a cow") == f"a: {RAW}: a cow"


def test_a_caption_has_its_confidence_as_on_the_overlay(statuses):
    """By it a caption is known that min_confidence keeps off scene_caption."""
    board = Board()
    board.keep_statuses(statuses, 0.0)
    detail = {"camera": RAW, "caption": "a dog runs", "confidence": 0.412}
    assert board.keep_detail(json.dumps(detail), 0.0) == f"{RAW}: a dog runs (41%)"
    assert "> a dog runs (41%)\n" in board.view(80, 24, 0.0, colour=False)


@pytest.mark.parametrize("foreign", [None, "sure", [], 1.5, -1, 10**400, float("nan")])
def test_a_foreign_confidence_is_left_out(foreign):
    detail = {"camera": RAW, "caption": "a dog runs", "confidence": foreign}
    assert Board().keep_detail(json.dumps(detail), 0.0) == f"{RAW}: a dog runs"


def test_what_is_not_heard_of_any_more_is_stale_and_then_gone(statuses):
    board = Board()
    board.keep_statuses(statuses, 100.0)
    board.keep_detail('{"camera": "%s", "caption": "a dog runs"}' % RAW, 100.0)  # noqa: UP031
    fresh, old, gone = (board.view(80, 24, now, colour=False) for now in (101.0, 112.0, 161.0))
    assert f"OK    {RAW}" in fresh and "ago" not in fresh
    assert f"STALE {RAW}" in old and "STALE model" in old and "OK" not in old
    assert "50 received, 40 captioned" in old
    assert "nothing heard for 12 s; last: 5.0 Hz" in old and "> a dog runs (12 s ago)" in old
    assert "waiting" in gone


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[]", "7", "null", "{}", '{"camera": "/a"}', '["camera", "caption"]',
     '{"camera": {}, "caption": []}', '{"camera": "/a", "caption": null}', "[" * 100_000,
     '{"camera": "/a", "caption": "b", "stamp": ' + "[" * 100_000, "9" * 10_000],
)  # fmt: skip
def test_a_foreign_detail_is_ignored(text):
    assert Board().keep_detail(text, 0.0) == ""


def test_what_others_say_takes_neither_memory_nor_time(statuses):
    board = Board()
    board.keep_statuses(statuses, 0.0)
    for camera in range(1000):
        board.keep_detail(f'{{"camera": "/{camera}", "caption": "{"x" * 10_000}"}}', 0.0)
    board.keep_detail(f'{{"camera": "{RAW}", "caption": "{"x" * 10_000}"}}', 0.0)
    assert len(board.view(80, 1000, 1.0, colour=False)) < 2000
    board.view(80, 24, 100.0, colour=False)
    board.keep_statuses(statuses, 101.0)
    assert "xxx" not in board.view(80, 1000, 101.0, colour=False)


def test_foreign_diagnostics_are_ignored(status, statuses):
    foreign = [
        status("", DiagnosticStatus.OK, "", {}),
        status("motor", DiagnosticStatus.OK, "turns", {"received": "1"}),
        status("captioner: fan", b"\x09", "whirrs", {"speed": "7"}),
    ]
    board = Board()
    board.keep_statuses([*foreign, *statuses], 0.0)
    board.keep_statuses([status("c: x", b"\x09", "?", {"received": "1", "captioned": "1"})], 0.0)
    view = board.view(80, 24, 0.0, colour=False)
    assert "motor" not in view and "fan" not in view and f"OK    /captioner: {RAW}" in view
    assert "?     c: x" in view


def test_nobody_commands_the_terminal(statuses):
    statuses[0].message = "a\x1b[2Jb\nc\x07"
    board = Board()
    board.keep_statuses(statuses, 0.0)
    line = board.keep_detail('{"camera": "/x", "caption": "\\u001b[2Jdog"}', 0.0)
    for shown in (board.view(80, 24, 0.0, colour=False), line):
        assert "\x1b" not in shown and "\x07" not in shown


def test_a_caption_that_comes_on_two_topics_is_one_line():
    board = Board()
    detail = '{"camera": "/x", "caption": "a dog", "stamp": {"sec": %d, "nanosec": 0}}'
    said = [board.keep_detail(detail % sec, 0.0) for sec in (1, 2, 1, 2, 3)]
    assert [bool(line) for line in said] == [True, True, False, False, True]


def test_the_same_caption_of_a_later_frame_without_a_stamp_is_another_line():
    board = Board()
    detail = '{"camera": "/x", "caption": "a dog", "stamp": {"sec": 0}, "frame_age_s": %g}'
    assert all(board.keep_detail(detail % age_s, 0.0) for age_s in (0.0251, 0.0249))
