"""The command line ``caption``."""

import json

import cv2
import pytest

from ros2_captioner.tools.caption import main


@pytest.fixture
def pictures(tmp_path, photograph, second_photograph):
    files = []
    for name, frame in (("one.png", photograph), ("two.jpg", second_photograph)):
        files.append(str(tmp_path / name))
        cv2.imwrite(files[-1], frame[:, :, ::-1])
    return files


def test_one_picture_prints_the_caption_alone(pictures, capsys, captioner, photograph):
    assert main([pictures[0]]) == 0
    assert capsys.readouterr().out.strip() == captioner.caption([photograph]).captions[0].text


def test_options_reach_the_search(pictures, capsys):
    found = []
    for ngram in ("0", "1"):
        assert main([pictures[0], "--length-penalty", "3.0", "--no-repeat-ngram", ngram]) == 0
        found.append(capsys.readouterr().out.split())
    free, bound = found
    assert len(set(free)) < len(free) and len(set(bound)) == len(bound)


def test_banned_words_are_separated_by_commas(pictures, capsys, captioner, photograph):
    first, second = captioner.caption([photograph]).captions[0].words[1:3]
    assert main([pictures[0], "--banned-words", f"{first},{second}"]) == 0
    assert not {first, second} & set(capsys.readouterr().out.split())


def test_json_lines_with_alternatives(pictures, capsys):
    assert main([*pictures, "--json", "--alternatives", "4"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["picture"] for line in lines] == pictures
    assert all(len(line["alternatives"]) == 4 and line["score"] < 0 for line in lines)


def test_the_same_picture_twice_gives_two_lines(pictures, capsys):
    assert main([pictures[0], pictures[0]]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_unreadable_pictures_are_named_and_the_rest_goes_on(pictures, capsys, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    assert main([str(broken), *pictures, str(tmp_path / "missing.jpg")]) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert "broken.jpg" in printed.err and "missing.jpg" in printed.err


def test_explain_draws_a_panel_for_every_word(pictures, tmp_path, capsys):
    target = tmp_path / "explain.png"
    assert main([*pictures, "--explain", str(target)]) == 0
    assert cv2.imread(str(target)).shape[1] > 1000


@pytest.mark.parametrize(
    "arguments",
    [["--beam-width", "17"], ["--model", "/nowhere"], ["--explain", "/nowhere/out.png"]],
)
def test_errors_are_one_line_and_status_2(pictures, capsys, arguments):
    assert main([pictures[0], *arguments]) == 2
    assert "expected" in capsys.readouterr().err


def test_nothing_readable_is_status_2(capsys):
    assert main(["/nowhere.jpg"]) == 2
