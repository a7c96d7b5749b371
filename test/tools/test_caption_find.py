"""The command line ``caption_find``."""

import json
import subprocess
import sys
from pathlib import Path

from ros2_captioner.tools.caption_find import main

SCRIPT = Path(__file__).parents[2] / "scripts/caption_find"


def test_moments_are_printed_best_first(tmp_path, capsys):
    rows = [
        {"recording": "drive", "camera": "/front", "time_ns": 1_500_000_000, "score": -0.5,
         "caption": "a cat"},
        {"picture": "photo.jpg", "score": -0.5, "confidence": 0.83, "caption": "a dog by a car"},
        {"recording": "drive", "camera": "/rear", "time_ns": 2_000_000_000, "score": -0.25,
         "caption": "a dog"},
    ]  # fmt: skip
    file = tmp_path / "captions.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    page = tmp_path / "out.html"
    assert main(["dog near a car", str(file), "--pictures", str(page)]) == 0
    assert page.read_text().count("<figure>") == 2
    assert capsys.readouterr().out.splitlines() == [
        "photo.jpg  a dog by a car  (confidence 83%)",
        "drive  /rear  1970-01-01T00:00:02.000+00:00  a dog  (score -0.25)",
    ]
    assert main(["aeroplane", str(file)]) == 1
    assert capsys.readouterr() == ("", "no caption has any of these words\n")


def test_the_page_is_written_though_nobody_reads_all_lines(tmp_path):
    row = json.dumps({"picture": "photo.jpg", "caption": "a dog"})
    (tmp_path / "captions.jsonl").write_text(f"{row}\n" * 1000)
    given = ["dog", "captions.jsonl", "--limit", "1000", "--pictures", "out.html"]
    command = [sys.executable, str(SCRIPT), *given]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    writer.stdout.close()
    assert writer.stderr.read() == b"" and writer.wait(60) == 0
    assert (tmp_path / "out.html").read_text().count("<figure>") == 1000


def test_a_missing_file_is_one_line(tmp_path, capsys):
    assert main(["dog", str(tmp_path / "none.jsonl")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_page_never_destroys_the_captions(tmp_path, capsys):
    file = tmp_path / "captions.jsonl"
    file.write_text('{"picture": "a.png", "score": -0.5, "caption": "a cat"}\n')
    before = file.read_bytes()
    assert main(["cat", str(file), "--pictures", str(file)]) == 2
    printed = capsys.readouterr()
    assert "same file as" in printed.err and not printed.out
    assert file.read_bytes() == before


def test_a_moment_is_one_line_that_steers_no_terminal(tmp_path, capsys):
    file = tmp_path / "captions.jsonl"
    file.write_text(json.dumps({"picture": "a\n\x1b[2J.png", "caption": "a \x1b]0;dog\x07 dog"}))
    assert main(["dog", str(file)]) == 0
    assert capsys.readouterr().out == (
        "a\\n\\x1b[2J.png  a \\x1b]0;dog\\x07 dog  (score None)\n"
    )  # fmt: skip


def test_a_page_shows_names_that_are_no_text(tmp_path, capsys):
    file = tmp_path / "captions.jsonl"
    file.write_text(json.dumps({"picture": "gr\udcfcn.png", "caption": "a dog"}))
    assert main(["dog", str(file), "--pictures", str(tmp_path / "out.html")]) == 0
    assert "gr\\udcfcn.png" in (tmp_path / "out.html").read_text()


def test_the_page_never_destroys_a_picture(tmp_path, capsys):
    photo, file = tmp_path / "a.png", tmp_path / "captions.jsonl"
    photo.write_bytes(b"\x89PNG")
    file.write_text(json.dumps({"picture": str(photo), "caption": "a cat"}))
    assert main(["dog", str(file), "--pictures", str(photo)]) == 2
    assert "a.png is there and is no page" in capsys.readouterr().err
    assert photo.read_bytes() == b"\x89PNG"
