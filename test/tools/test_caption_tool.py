"""The command line ``caption``."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.errors import BackendError
from ros2_captioner.tools import caption as tool
from ros2_captioner.tools.caption import main

ROOT = Path(__file__).parents[2]
SCRIPT, PHOTOGRAPHS = ROOT / "scripts/caption", ROOT / "ros2_captioner/ros/demo/photographs"


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


def test_a_search_option_is_switched_off_by_its_word(capsys):
    kitchen = str(PHOTOGRAPHS / "kitchen.jpg")
    found = {}
    for word in ("true", "false"):
        assert main([kitchen, "--no-repeat-objects", word]) == 0
        found[word] = capsys.readouterr().out
    assert found["true"] != found["false"]
    assert main([kitchen, "--no-repeat-objects", "no"]) == 2
    assert "no_repeat_objects is 'no'; expected true or false" in capsys.readouterr().err


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


def start(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def test_head_ends_it_in_silence(pictures):
    writer = start(*pictures * 20)
    assert writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == b"" and writer.wait(60) == 0


def test_a_figure_is_written_though_nobody_reads_the_captions(pictures, tmp_path):
    writer = start(pictures[0], "--explain", str(tmp_path / "out.png"))
    writer.stdout.close()
    assert writer.stderr.read() == b"" and writer.wait(60) == 0
    assert cv2.imread(str(tmp_path / "out.png")).shape[1] > 1000


def test_an_interrupt_ends_it_without_a_traceback(pictures):
    writer = start(*pictures * 200)
    assert writer.stdout.readline()
    writer.send_signal(signal.SIGINT)
    writer.stdout.read()
    assert writer.stderr.read() == b"" and writer.wait(60) == 130


def test_no_name_and_no_output_loses_the_other_captions(pictures):
    names = [os.fsencode(pictures[0]).replace(b"one", b"gr\xfcn"),
             os.fsencode(pictures[0]).replace(b"one", "grün".encode())]  # fmt: skip
    for name in names:
        os.link(pictures[0], name)
    for form in ([], ["--json"]):
        reader = start(*pictures, *names, *form, PYTHONIOENCODING="ascii")
        output, errors = reader.communicate(timeout=60)
        assert reader.returncode == 0 and errors == b"", errors
        lines = output.decode("ascii").splitlines()
        assert len(lines) == 4
        if form:
            read = [json.loads(line)["picture"] for line in lines]
            assert read == [*pictures, *map(os.fsdecode, names)]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff", ".webp"])
def test_a_cut_file_is_one_line_on_stderr(pictures, tmp_path, photograph, suffix):
    whole = cv2.imencode(suffix, photograph)[1].tobytes()
    (tmp_path / f"cut{suffix}").write_bytes(whole[: len(whole) // 2])
    reader = start(str(tmp_path / f"cut{suffix}"), pictures[0])
    output, errors = reader.communicate(timeout=60)
    assert reader.returncode == 1 and len(output.splitlines()) == 1
    (line,) = errors.decode().splitlines()
    assert line.startswith("error: ") and f"cut{suffix}" in line and "expected" in line


def test_a_batch_that_fails_loses_no_other(pictures, capsys, monkeypatch):
    class Failing:
        trouble = ""

        def caption(self, frames, options):
            if next(turns) == 0:
                raise BackendError("the device is lost")
            return captioner.caption(frames, options)

    captioner, turns = tool.Captioner.load(device="cpu"), iter(range(10))
    Failing.default_options = lambda self: captioner.default_options()
    monkeypatch.setattr(tool.Captioner, "load", lambda *_, **given: Failing())
    assert main(pictures * 5) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2 and "the device is lost" in printed.err


def test_alternatives_widen_the_beam_of_the_bundle_and_never_narrow_it(pictures, monkeypatch):
    searched = []

    class Watching:
        default_options = staticmethod(lambda: DecodingOptions(beam_width=8))
        trouble = ""

        def caption(self, frames, options):
            searched.append(options.beam_width)
            raise BackendError("seen")

    monkeypatch.setattr(tool.Captioner, "load", lambda *_, **given: Watching())
    for count in ("2", "9"):
        main([pictures[0], "--alternatives", count])
    main([pictures[0], "--alternatives", "2", "--beam-width", "4"])
    assert searched == [8, 10, 4]


def test_more_alternatives_than_there_may_be_are_named_themselves(pictures, capsys):
    assert main([pictures[0], "--alternatives", "16"]) == 2
    assert capsys.readouterr().err.startswith("error: num_alternatives is 16; expected integer")


def test_a_name_with_a_line_break_is_one_line(pictures, capsys):
    name = pictures[0].replace("one", "o\nn\x1b[2Je")
    os.link(pictures[0], name)
    assert main([name, name.replace("o\n", "no\n")]) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == len(printed.err.splitlines()) == 1
    assert "o\\nn\\x1b[2Je" in printed.out and "no\\nn" in printed.err


def test_what_stands_in_brackets_is_named(pictures, capsys):
    assert main([pictures[0], "--alternatives", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split("(")[1].startswith("score -")


def test_progress_needs_a_terminal(pictures, capsys):
    assert main(pictures * 5) == 0
    assert capsys.readouterr().err == ""


@pytest.fixture
def video(tmp_path, photograph, second_photograph):
    """Three seconds at 10 Hz: one scene for two seconds, then another."""
    file = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 10, (640, 480))
    for frame in [photograph] * 20 + [second_photograph] * 10:
        writer.write(frame[:, :, ::-1])
    writer.release()
    return str(file)


def test_a_video_becomes_subtitles(video, tmp_path, capsys):
    vtt, srt = tmp_path / "out.vtt", tmp_path / "out.srt"
    assert main([video, "--every", "1", "--vtt", str(vtt), "--srt", str(srt)]) == 0
    assert not capsys.readouterr().err
    head, first, second = vtt.read_text().strip().split("\n\n")
    assert head == "WEBVTT"
    assert first.startswith("00:00:00.000 --> 00:00:02.000\n")
    assert second.startswith("00:00:02.000 --> 00:00:02.900\n")
    assert [block.split("\n")[2] for block in srt.read_text().strip().split("\n\n")] == [
        first.split("\n")[1],
        second.split("\n")[1],
    ]


def test_subtitles_of_a_video_that_was_cut_are_told_to_be_short(video, tmp_path, capsys):
    content = Path(video).read_bytes()
    half = len(content) // 2
    Path(video).write_bytes(content[:half])
    assert main([video, "--vtt", str(tmp_path / "out.vtt")]) == 1
    told = f"error: {video} was cut: found {half} of {len(content)} bytes; expected a whole video. "
    assert capsys.readouterr().err.startswith(told)
    assert (tmp_path / "out.vtt").read_text().startswith("WEBVTT\n\n00:00:00.000")


def test_a_video_that_was_cut_in_its_second_frame_is_no_still_image(video, tmp_path, capsys):
    content = Path(video).read_bytes()
    first = content.index(b"00dc", content.index(b"movi"))
    Path(video).write_bytes(content[: content.index(b"00dc", first + 4)])
    assert main([video, "--vtt", str(tmp_path / "out.vtt")]) == 2
    said = capsys.readouterr().err
    assert f"{video} was cut: found" in said and "as a single frame is left" in said


def test_an_error_does_not_follow_the_progress_in_its_line(video, tmp_path, monkeypatch, capsys):
    def broken(path, captioner, options, sampling, advanced):
        advanced(3.0)
        raise BackendError("broken")

    monkeypatch.setattr(tool, "video_cues", broken)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main([video, "--vtt", str(tmp_path / "out.vtt")]) == 2
    progress, error = capsys.readouterr().err.split("\r")[1::2]
    assert progress.startswith("3 s of") and error == "error: broken\n"


def test_a_video_and_its_subtitles_are_in_the_home_folder(video, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    video = f"~/{Path(video).relative_to(tmp_path)}"
    assert main([video, "--vtt=~/out.vtt", "--srt=~/out.srt"]) == 0
    assert (tmp_path / "out.vtt").exists() and (tmp_path / "out.srt").exists()


def test_subtitles_are_of_one_video(video, pictures, tmp_path, capsys):
    assert main([video, *pictures, "--vtt", str(tmp_path / "out.vtt")]) == 2
    assert "expected one video" in capsys.readouterr().err
    (tmp_path / "text.mp4").write_text("no video")
    assert main([str(tmp_path / "text.mp4"), "--vtt", str(tmp_path / "out.vtt")]) == 2
    assert "expected a video" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--explain", "--vtt", "--srt"])
def test_a_missing_folder_is_named_before_anything_is_captioned(
    option, video, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(tool, "load_captioner", lambda parsed: pytest.fail("loaded"))
    assert main([video, option, str(tmp_path / "nowhere/out")]) == 2
    assert f"{option}: found no folder {tmp_path / 'nowhere'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["--every", "2"], "--every without"),
        (["--vtt", "out.vtt", "--every", "nan"], "every is nan"),
        (["--vtt", "out.vtt", "--json"], "--json or --explain with"),
        (["--srt", "out.srt", "--explain", "out.png"], "--json or --explain with"),
    ],
)
def test_options_of_videos_and_of_images_do_not_mix(
    given, complaint, pictures, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main([pictures[0], *given]) == 2
    assert complaint in capsys.readouterr().err
    assert not list(tmp_path.glob("out.*"))


@pytest.mark.parametrize("option", ["--explain", "--vtt", "--srt"])
def test_an_output_never_destroys_the_input(option, video, monkeypatch, capsys):
    monkeypatch.setattr(tool, "load_captioner", lambda parsed: pytest.fail("loaded"))
    before = Path(video).read_bytes()
    assert main([video, option, os.path.relpath(video)]) == 2
    assert "same file as" in capsys.readouterr().err
    assert Path(video).read_bytes() == before


def test_two_outputs_are_two_files(video, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tool, "load_captioner", lambda parsed: pytest.fail("loaded"))
    target = str(tmp_path / "out")
    assert main([video, "--vtt", target, "--srt", target]) == 2
    assert "--srt: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "name", "complaint"),
    [
        ("--vtt", "", "is a folder"),
        ("--explain", "", "is a folder"),
        ("--explain", "a.txt", "ends in .png"),
        ("--explain", "a", "ends in .png"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_captioned(
    option, name, complaint, pictures, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(tool, "load_captioner", lambda parsed: pytest.fail("loaded"))
    assert main([pictures[0], option, str(tmp_path / name)]) == 2
    assert complaint in capsys.readouterr().err


def test_more_images_than_a_figure_holds_are_refused_before_any_is_captioned(
    pictures, monkeypatch, tmp_path, capsys
):
    """A folder of thousands took all memory, after all captioning."""
    monkeypatch.setattr(tool, "load_captioner", lambda parsed: pytest.fail("loaded"))
    assert main([*pictures * 101, "--explain", str(tmp_path / "out.png")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: --explain: found 202 images; expected at most 200")


def test_a_still_image_has_no_subtitles(pictures, tmp_path, capsys):
    still = Path(pictures[0]).rename(tmp_path / "number one.png")
    assert main([str(still), "--vtt", str(tmp_path / "out.vtt")]) == 2
    said = capsys.readouterr().err
    assert "one.png has no length" in said and "expected a video" in said
    assert "raw H.264 stream" in said  # whose frames have no times
    assert said.endswith(f"type: ffmpeg -r RATE -i '{still}' -c copy '{still}.mp4'\n")
    assert not (tmp_path / "out.vtt").exists()


def test_a_folder_is_no_video_of_another_codec(tmp_path, capsys):
    assert main([str(tmp_path), "--vtt", str(tmp_path / "out.vtt")]) == 2
    said = capsys.readouterr().err
    assert said.endswith(f"{tmp_path} (a folder); expected a video that OpenCV decodes\n")


def test_a_recording_among_images_is_told_what_captions_it(tmp_path, capsys):
    bag = tmp_path / "my drive"
    bag.mkdir()
    (bag / "metadata.yaml").touch()
    (bag / "drive.mcap").touch()
    for path in (bag, bag / "drive.mcap"):
        assert main([str(path)]) == 2
        assert capsys.readouterr().err.endswith(f"; for a recording, type: caption_bag '{path}'\n")


def test_a_video_among_images_is_told_what_it_needs(video, capsys):
    assert main([video]) == 2
    said = capsys.readouterr().err
    assert said.endswith("add --vtt OUT.vtt\n") and said.count("\n") == 1


def test_an_empty_name_is_said(capsys):
    assert main([""]) == 2
    assert capsys.readouterr().err == "error: found an empty file name; expected an image file\n"


@pytest.mark.parametrize("option", ["--vtt", "--srt"])
def test_a_full_disk_is_named(option, video, capsys):
    assert main([video, option, "/dev/full"]) == 2
    assert "cannot write /dev/full: No space left" in capsys.readouterr().err


def test_subtitles_that_cannot_be_written_lose_no_others(video, tmp_path, capsys):
    assert main([video, "--vtt", "/dev/full", "--srt", str(tmp_path / "out.srt")]) == 2
    assert "cannot write /dev/full" in capsys.readouterr().err
    assert (tmp_path / "out.srt").read_text().startswith("1\n00:00:00,000 --> ")


@pytest.mark.parametrize("option", ["--vtt", "--srt"])
def test_an_output_never_destroys_the_model(option, video, bundle_copy, monkeypatch, capsys):
    monkeypatch.setattr(tool, "load_captioner", lambda parsed: pytest.fail("loaded"))
    manifest = bundle_copy / "manifest.json"
    before = manifest.read_bytes()
    assert main([video, option, str(manifest), "--model", str(bundle_copy)]) == 2
    assert "same file as" in capsys.readouterr().err and manifest.read_bytes() == before
