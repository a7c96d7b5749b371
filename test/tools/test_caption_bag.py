"""The command line ``caption_bag``, on bags of every storage format."""

import csv
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bundles import manifest_of
from jsonschema import Draft7Validator

pytest.importorskip("rosbags")
from bags import FORMATS, STORE, STRING, jpeg, metadata_of, raw, read_bag, text, write_bag
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Writer

from ros2_captioner.captioner import Captioner
from ros2_captioner.images.bag import ImageBag
from ros2_captioner.output_files import LOCK
from ros2_captioner.recordings import bag_captions
from ros2_captioner.recordings.bag_captions import BagCaptions
from ros2_captioner.recordings.bag_frames import bag_frames
from ros2_captioner.recordings.sampling import Sampling
from ros2_captioner.tools import caption_bag
from ros2_captioner.tools.caption_bag import main

FRONT, REAR = "/front/image_raw", "/rear/image_raw/compressed"
ON_CPU = {"backend": "auto", "precision": "auto", "device": "cpu"}
SCRIPT = Path(__file__).parents[2] / "scripts/caption_bag"
SCHEMA = json.loads((SCRIPT.parents[1] / "config/detail.schema.json").read_text())


@pytest.fixture
def messages(photograph, second_photograph):
    """Two cameras at 2 Hz for 3 s, and chatter."""
    found = [("/chatter", 100.0, text("hello"))]
    for turn in range(6):
        second = 100 + turn / 2
        one, other = (photograph, second_photograph)[:: 1 if turn < 3 else -1]
        found.append((FRONT, second, raw(one[::2, ::2], second - 0.1)))
        found.append((REAR, second + 0.05, jpeg(other, second)))
    return found


@pytest.fixture
def bag(tmp_path, messages):
    return write_bag(tmp_path / "drive", messages)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def captions_of(output):
    found = read_bag(output)
    return [message for message in found if "scene_caption" in message[0]], [
        message for message in found if "scene_caption" not in message[0]
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_a_new_bag_holds_the_recording_and_the_captions(
    form, tmp_path, messages, capsys, captioner, photograph
):
    source = write_bag(tmp_path / "drive", messages, form)
    assert main([str(source)]) == 0
    captions, originals = captions_of(tmp_path / "drive_captioned")
    assert originals == read_bag(source)
    sentence, detail = captions[0], captions[1]
    assert (sentence[0], detail[0]) == ("/front/scene_caption", "/front/scene_caption/detail")
    assert sentence[1] == detail[1] == 100 * 10**9
    words = STORE.deserialize_cdr(sentence[3], STRING).data
    assert words == captioner.caption([photograph[::2, ::2]]).captions[0].text
    told = json.loads(STORE.deserialize_cdr(detail[3], STRING).data)
    assert (told["camera"], told["caption"], told["frame_id"]) == (FRONT, words, "camera")
    assert told["stamp"] == {"sec": 99, "nanosec": 900_000_000}
    assert told["frame_age_s"] == pytest.approx(0.1)
    Draft7Validator(SCHEMA).validate(told)
    assert len(captions) == 2 * 2 * 3  # two topics, two cameras, one a second
    assert "drive_captioned: 6 captions\n" in capsys.readouterr().out
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("form", ["mcap", "sqlite3"])
def test_humble_reads_the_new_bag(form, tmp_path, photograph):
    """Its rosbag2 takes the QoS of a topic for text, which is YAML with numbers."""
    ever = QosTime(0, 0)
    qos = Qos(
        QosHistory.KEEP_LAST, 5, QosReliability.BEST_EFFORT, QosDurability.VOLATILE, ever, ever,
        QosLiveliness.AUTOMATIC, ever, False,
    )  # fmt: skip
    kind, cdr = jpeg(photograph, 1.0)
    with Writer(tmp_path / "drive", version=9, storage_plugin=FORMATS[form][0]) as writer:
        topic = writer.add_connection(REAR, kind, typestore=STORE, offered_qos_profiles=[qos])
        writer.write(topic, 10**9, cdr)
    assert main([str(tmp_path / "drive")]) == 0
    metadata = yaml.safe_load((tmp_path / "drive_captioned/metadata.yaml").read_text())
    topics = metadata["rosbag2_bagfile_information"]["topics_with_message_count"]
    texts = [topic["topic_metadata"]["offered_qos_profiles"] for topic in topics]
    assert len(texts) == 3 and texts[1:] == ["", ""]
    (told,) = yaml.safe_load(texts[0])
    assert (told["history"], told["depth"], told["reliability"]) == (1, 5, 2)


def test_a_frame_without_a_stamp_has_no_age(tmp_path, photograph):
    source = write_bag(tmp_path / "drive", [(FRONT, 5, jpeg(photograph, 0))])
    assert main([str(source), "--format", "jsonl"]) == 0
    (row,) = rows(tmp_path / "drive.jsonl")
    assert row["stamp"] == {"sec": 0, "nanosec": 0} and row["frame_age_s"] == 0.0


def test_all_every_and_changed_choose_frames(bag, tmp_path):
    chosen = {}
    for name, given in {
        "all": ["--all"], "every": ["--every", "1.5"], "changed": ["--all", "--changed", "0.05"],
        "topic": ["--topics", REAR],
    }.items():  # fmt: skip
        output = tmp_path / f"{name}.jsonl"
        assert main([str(bag), *given, "--format", "jsonl", "--output", str(output)]) == 0
        chosen[name] = [(row["camera"], row["time_ns"] // 10**8) for row in rows(output)]
    assert len(chosen["all"]) == 12
    assert [time for camera, time in chosen["every"] if camera == FRONT] == [1000, 1015]
    front = [time for camera, time in chosen["changed"] if camera == FRONT]
    assert front[0] == 1000 and 1015 in front and len(front) < 6
    assert {camera for camera, _ in chosen["topic"]} == {REAR}


def test_tables_and_subtitles_say_the_same(bag, tmp_path):
    for form in ("jsonl", "csv", "vtt"):
        assert main([str(bag), "--format", form]) == 0
    told = rows(tmp_path / "drive.jsonl")
    assert {row["recording"] for row in told} == {"drive"}
    with open(tmp_path / "drive.csv", newline="") as stream:
        table = list(csv.DictReader(stream))
    for name in ("caption", "confidence"):
        assert [row[name] for row in table] == [str(row[name]) for row in told]
    subtitles = (tmp_path / "drive.vtt").read_text()
    assert subtitles.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:0")
    assert f"<v {FRONT}>{told[0]['caption']}\n" in subtitles


def test_broken_messages_are_named_counted_and_passed_over(tmp_path, messages, photograph, capsys):
    kind, cdr = raw(photograph, 1.0)
    broken = [
        (FRONT, 99.0, (kind, cdr[:1000])),
        (FRONT, 99.1, (kind, b"")),
        (FRONT, 99.2, text("a")),
    ]
    source = write_bag(tmp_path / "drive", [(t, s, (kind, c[1])) for t, s, c in broken] + messages)
    output = tmp_path / "out.jsonl"
    assert main([str(source), "--format", "jsonl", "--output", str(output)]) == 1
    printed = capsys.readouterr()
    assert printed.err.count(f"passed over: {FRONT} at 99.") == 3
    assert "3 broken messages" in printed.out
    assert len(rows(output)) == 6


def test_a_camera_that_sends_no_pictures_does_not_flood_the_terminal(tmp_path, messages, capsys):
    """Every message is tried, as the next may be a picture: thousands in a minute."""
    broken = [(REAR, 99 + turn / 100, (messages[2][2][0], b"")) for turn in range(50)]
    source = write_bag(tmp_path / "drive", [m for m in messages if m[0] == FRONT] + broken)
    assert main([str(source), "--format", "csv"]) == 1
    printed = capsys.readouterr()
    told = printed.err.splitlines()
    assert len(told) == 10 and told[-1].endswith("; of more only the number is told")
    assert f"50 broken messages on {REAR} passed over" in printed.out


@pytest.mark.parametrize("form", ["jsonl", "bag"])
def test_a_killed_run_goes_on_to_the_same_output(form, tmp_path, messages):
    source = write_bag(tmp_path / "drive", messages)
    given = ["--all", "--format", form]
    whole, output = tmp_path / "whole", tmp_path / "output"
    assert main([str(source), *given, "--output", str(whole)]) == 0
    command = [sys.executable, str(SCRIPT), str(source), *given, "--output", str(output)]
    code = (
        "import os, signal, sys\n"
        "from ros2_captioner.recordings.journal import Journal\n"
        "append = Journal.append\n"
        "def torn(self, batch):\n"
        "    if len(list(self.batches())) == 1:\n"
        "        with open(self.path, 'a') as stream: stream.write('[[1000, {')\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    append(self, batch)\n"
        "Journal.append = torn\n"
        "from ros2_captioner.tools.caption_bag import main\n"
        "main(sys.argv[1:])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    killed = subprocess.run([sys.executable, "-c", code, *command[2:]], env=environment)
    assert killed.returncode == -signal.SIGKILL and not output.exists()
    (left,) = tmp_path.glob(".*.partial")
    assert (left / "journal.jsonl").read_text().endswith("[[1000, {")
    (left / "output/output").mkdir(parents=True)  # as after a kill while the output was written
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if form == "bag":
        assert read_bag(output) == read_bag(whole)
    else:
        assert output.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_that_was_unpacked(number, tmp_path, messages):
    """As where a terminal is closed: each time it would be as much as the whole recording."""
    source = write_bag(tmp_path / "drive", messages, "sqlite3-zstd-file")
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    code = (
        "import sys\n"
        "from ros2_captioner.recordings.journal import Journal\n"
        "def waiting(self, batch):\n"
        "    print(flush=True)\n"
        "    sys.stdin.read()\n"
        "Journal.append = waiting\n"
        "from ros2_captioner.tools.commands import caption_bag\n"
        "sys.exit(caption_bag())\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code, str(source), "--all"],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1]), "TMPDIR": str(unpacked)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with run:
        run.stdout.readline()
        assert len(list(unpacked.glob("*/drive.db3"))) == 1
        run.send_signal(number)
        assert run.wait(60) == 128 + number
    assert not list(unpacked.glob("*/"))


def test_two_runs_never_write_one_output(tmp_path, messages, capsys):
    source = write_bag(tmp_path / "drive", messages)
    given = [str(source), "--all", "--format", "jsonl", "--output"]
    whole, output = tmp_path / "whole", tmp_path / "output"
    assert main([*given, str(whole)]) == 0
    code = (
        "import sys\n"
        "from ros2_captioner.recordings.journal import Journal\n"
        "append = Journal.append\n"
        "def waiting(self, batch):\n"
        "    append(self, batch)\n"
        "    print(flush=True)\n"
        "    sys.stdin.readline()\n"
        "Journal.append = waiting\n"
        "from ros2_captioner.tools.caption_bag import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code, *given, str(output)],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with first:
        first.stdout.readline()
        journal = tmp_path / ".output.partial/journal.jsonl"
        before = journal.read_bytes()
        capsys.readouterr()
        assert main([*given, str(output)]) == 2
        said = capsys.readouterr().err
        assert said == (
            f"error: another run is writing {output}; wait for it, or give another --output\n"
        )
        assert journal.read_bytes() == before
        first.stdin.close()
        first.stdout.read()
    assert first.returncode == 0 and output.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_a_run_that_waited_for_its_model_does_not_replace_an_output(bag, tmp_path, monkeypatch):
    """The other run ended while this one was loading."""
    output = tmp_path / "out.jsonl"
    load = caption_bag.load_captioner

    def slow(parsed):
        output.write_text("of the other run")
        return load(parsed)

    monkeypatch.setattr(caption_bag, "load_captioner", slow)
    assert main([str(bag), "--format", "jsonl", "--output", str(output)]) == 2
    assert output.read_text() == "of the other run"


def test_a_run_killed_before_its_journal_goes_on(bag, tmp_path):
    left = tmp_path / ".drive.jsonl.partial"
    left.mkdir()
    (left / LOCK).touch()
    assert main([str(bag), "--format", "jsonl"]) == 0
    assert len(rows(tmp_path / "drive.jsonl")) == 6 and not list(tmp_path.glob(".*"))


def test_another_run_does_not_take_over_what_was_left(bag, tmp_path, capsys):
    left = tmp_path / ".drive.jsonl.partial"
    left.mkdir()
    (left / "journal.jsonl").write_text('{"bag": "other"}\n')
    (left / "output").mkdir()  # which would be in the way without the journal
    assert main([str(bag), "--format", "jsonl"]) == 2
    assert capsys.readouterr().err.endswith(f", or delete {left}\n")


def test_a_second_run_overwrites_nothing(bag, tmp_path, capsys):
    assert main([str(bag)]) == 0
    assert main([str(bag)]) == 2
    assert main([str(tmp_path / "drive_captioned")]) == 2
    said = capsys.readouterr().err
    assert "already there" in said and "already has captions on ['/front/scene_caption'" in said


@pytest.mark.parametrize("form", ["mcap-zstd", "sqlite3"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_cut_bag_is_named(form, share, tmp_path, messages, capsys):
    source = write_bag(tmp_path / "drive", messages, form)
    (file,) = (path for path in source.iterdir() if path.suffix != ".yaml")
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    assert main([str(source)]) == 2
    printed = capsys.readouterr()
    assert "drive" in printed.err and "Traceback" not in printed.err
    assert "'mcap recover' or sqlite3's '.recover' may save" in printed.err
    assert not (tmp_path / "drive_captioned").exists()


def test_an_encrypted_bag_is_named(bag, capsys):
    (file,) = bag.glob("*.mcap")
    file.write_bytes(os.urandom(file.stat().st_size))
    assert main([str(bag)]) == 2
    assert "expected a rosbag2 folder" in capsys.readouterr().err


def test_a_bag_without_messages_gives_a_bag_without_captions(tmp_path, messages, capsys):
    assert main([str(write_bag(tmp_path / "drive", [])), "--format", "jsonl"]) == 2
    assert "no images on any topic" in capsys.readouterr().err


def test_a_bag_is_never_written_beside_its_name(tmp_path, messages, capsys):
    """rosbags would write the database of sqlite3 to what stands before the '#'."""
    source = write_bag(tmp_path / "drive", messages, "sqlite3")
    assert main([str(source), "--output", str(tmp_path / "captioned#1")]) == 2
    assert "found '#' in" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["drive"]


def test_no_file_is_open_in_the_folder_that_is_deleted(bag, monkeypatch):
    """NFS would keep such a file under another name, and with it the folder."""
    rmtree, opened = shutil.rmtree, "/proc/self/fd"

    def as_on_nfs(folder):
        links = [os.path.join(opened, number) for number in os.listdir(opened)]
        assert not [link for link in links if str(folder) in os.path.realpath(link)]
        rmtree(folder)

    monkeypatch.setattr(shutil, "rmtree", as_on_nfs)
    assert main([str(bag), "--format", "jsonl"]) == 0


def test_an_error_does_not_follow_the_progress_in_its_line(bag, monkeypatch, capsys):
    def broken(bag, sampling, refused, advanced):
        advanced(1)
        raise OSError(errno.EIO, os.strerror(errno.EIO))
        yield

    monkeypatch.setattr(bag_captions, "bag_frames", broken)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main([str(bag), "--format", "jsonl"]) == 2
    progress, error = capsys.readouterr().err.split("\r")[1::2]
    assert progress.startswith("1/12 messages") and error.startswith("error: ")


@pytest.mark.parametrize("given", [["--every", "-1"], ["--changed", "2"], ["--topics", "/none"]])
def test_what_cannot_be_done_is_one_line(given, bag, capsys):
    assert main([str(bag), *given]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1


@pytest.mark.parametrize("kind", ["recording", "file"])
def test_what_is_no_interrupted_run_is_never_taken_for_one(kind, tmp_path, messages, capsys):
    """The folder of an interrupted run is deleted in the end."""
    work = tmp_path / ".out.partial"
    source = write_bag(work if kind == "recording" else tmp_path / "drive", messages)
    if kind == "file":
        work.write_text("mine")
    assert main([str(source), "--format", "jsonl", "--output", str(tmp_path / "out")]) == 2
    assert ".out.partial is in the way" in capsys.readouterr().err
    assert read_bag(source)


@pytest.mark.parametrize("name", ["journal.jsonl", LOCK])
def test_an_output_may_be_named_as_what_a_run_keeps(name, bag, tmp_path):
    assert main([str(bag), "--format", "jsonl", "--output", str(tmp_path / name)]) == 0
    assert len(rows(tmp_path / name)) == 6


def test_an_output_that_is_named_as_another_format_is_refused(bag, tmp_path, capsys):
    output = tmp_path / "out.jsonl"
    for form in ("bag", "csv"):
        assert main([str(bag), "--format", form, "--output", str(output)]) == 2
        said = capsys.readouterr().err
        assert f"with --format {form}; expected --format jsonl" in said
    assert not output.exists()


def test_an_output_that_cannot_be_is_named_before_anything_is_read(tmp_path, capsys):
    assert main([str(tmp_path / "none"), "--output", str(tmp_path / "nowhere/x")]) == 2
    said = capsys.readouterr().err
    assert f"--output: found no folder {tmp_path / 'nowhere'}" in said and "partial" not in said


def test_an_output_of_a_variable_that_is_not_set_is_refused(bag, tmp_path, capsys):
    """It would go beside the bag, where nobody looks for it."""
    with pytest.raises(SystemExit, match="2"):
        main([str(bag), "--output", ""])
    assert "--output: found an empty path" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == [bag]


def test_a_link_to_itself_is_one_line(tmp_path, capsys):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert main([str(loop)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and "loop" in said


def test_a_run_searches_as_the_bundle_says_and_goes_on_only_so(bag, tmp_path, bundle_copy, capsys):
    def search(length):
        with manifest_of(bundle_copy) as manifest:
            manifest["decoding"] |= {"max_length": length, "beam_width": 2}

    def run(output):
        return main([str(bag), "--format", "jsonl", "--model", str(bundle_copy), "--device", "cpu",
                     "--output", str(output)])  # fmt: skip

    search(3)
    assert run(tmp_path / "out.jsonl") == 0
    model = Captioner.load(bundle_copy, device="cpu")
    frames = [frame.picture for frame in bag_frames(ImageBag(str(bag)), Sampling(1.0), pytest.fail)]
    told = rows(tmp_path / "out.jsonl")
    assert [row["caption"] for row in told] == [c.text for c in model.caption(frames).captions]
    assert {row["beam_width"] for row in told} == {2}
    assert all(len(row["words"]) <= 3 for row in told)
    left = tmp_path / ".next.jsonl.partial"
    left.mkdir()
    BagCaptions(ImageBag(str(bag)), model, Sampling(1.0), pytest.fail, int).journal(
        left / "journal.jsonl", ON_CPU
    )
    search(4)
    assert run(tmp_path / "next.jsonl") == 2
    assert "with {'search': {'max_length': 3}}; this one" in capsys.readouterr().err


def test_a_bag_in_the_home_folder_is_copied_beside_itself(bag, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["~/drive"]) == 0
    assert captions_of(tmp_path / "drive_captioned")[0]
    assert main(["~/drive", "--format", "vtt", "--output=~/out.vtt"]) == 0
    assert (tmp_path / "out.vtt").read_text().startswith("WEBVTT")


def test_an_interrupted_run_goes_on_from_within_the_bag(bag, tmp_path, monkeypatch):
    left = tmp_path / ".out.partial"
    left.mkdir()
    model = Captioner.load(device="cpu")
    journal = BagCaptions(ImageBag(str(bag)), model, Sampling(1.0), pytest.fail, int)
    journal.journal(left / "journal.jsonl", ON_CPU)
    head = json.loads((left / "journal.jsonl").read_text())  # what tells another run
    told = {"every_s": 1.0, "changed": 0.0, "model": model.bundle.digest, **ON_CPU}
    assert {name: head.get(name) for name in told} == told
    monkeypatch.chdir(bag)
    given = [".", "--format", "jsonl", "--device", "cpu", "--output", str(tmp_path / "out")]
    assert main(given) == 0 and len(rows(tmp_path / "out")) == 6


@pytest.mark.parametrize(("precision", "status"), [("auto", 0), ("int8", 2)])
def test_a_run_goes_on_where_another_runtime_took_over(precision, status, bag, tmp_path):
    """As where the engines were built meanwhile, if nobody asked for one precision."""
    left = tmp_path / ".drive.jsonl.partial"
    left.mkdir()
    model = Captioner.load(device="cpu", precision="float16")
    journal = BagCaptions(ImageBag(str(bag)), model, Sampling(1.0), pytest.fail, int)
    journal.journal(left / "journal.jsonl", ON_CPU)
    given = ["--format", "jsonl", "--device", "cpu", "--precision", precision]
    assert main([str(bag), *given]) == status


def test_what_was_written_is_whole_even_if_nobody_reads_of_it(bag, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    command = [sys.executable, str(SCRIPT), str(bag), "--format", "jsonl"]
    with open("/dev/full", "w") as full:
        assert subprocess.run(command, stdout=full, env=environment).returncode == 2
    assert len(rows(tmp_path / "drive.jsonl")) == 6 and not list(tmp_path.glob(".*"))


def test_a_system_error_while_reading_is_not_told_as_one_of_writing(bag, monkeypatch, capsys):
    def broken(*given):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
        yield

    monkeypatch.setattr(bag_captions, "bag_frames", broken)
    assert main([str(bag), "--format", "jsonl"]) == 2
    said = capsys.readouterr().err
    assert "Input/output error" in said and "cannot write" not in said


def _meanwhile(monkeypatch, change):
    """Do something once all frames have their captions and nothing is written yet."""
    write = BagCaptions.write

    def and_change(self, journal):
        write(self, journal)
        change()

    monkeypatch.setattr(BagCaptions, "write", and_change)


@pytest.mark.parametrize("form", ["mcap", "sqlite3", "sqlite3-zstd-file"])
@pytest.mark.parametrize("change", ["gone", "cut", "replaced"])
def test_a_recording_that_changes_while_it_is_captioned_is_not_copied(
    change, form, tmp_path, messages, monkeypatch, capsys
):
    source = write_bag(tmp_path / "drive", messages, form)

    def changed():
        for file in source.iterdir():
            if change == "cut" and file.suffix != ".yaml":
                os.truncate(file, file.stat().st_size // 2)
            elif change != "cut":
                file.unlink()
        if change == "replaced":
            source.rmdir()
            write_bag(source, messages[:-1], form)

    _meanwhile(monkeypatch, changed)
    assert main([str(source)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {source} ") and said.count("\n") == 1
    assert ("was replaced" if change == "replaced" else "cannot be read any more") in said
    assert not (tmp_path / "drive_captioned").exists()


def test_what_appears_where_the_output_belongs_is_not_replaced(bag, tmp_path, monkeypatch, capsys):
    output = tmp_path / "out.jsonl"
    _meanwhile(monkeypatch, lambda: output.write_text("mine"))
    assert main([str(bag), "--format", "jsonl", "--output", str(output)]) == 2
    assert "already there" in capsys.readouterr().err and output.read_text() == "mine"


@pytest.mark.parametrize("form", ["mcap", "sqlite3"])
def test_a_full_disk_is_named_with_the_output(form, tmp_path, messages):
    source = write_bag(tmp_path / "drive", messages, form)
    limit = max(file.stat().st_size for file in source.iterdir()) // 2
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from ros2_captioner.tools.caption_bag import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    command = [sys.executable, "-c", code, str(source), "--output", str(tmp_path / "new")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and not (tmp_path / "new").exists()
    assert done.stderr.startswith(f"error: cannot write {tmp_path / 'new'}: ")
    assert done.stderr.count("\n") == 1


def test_a_recording_whose_metadata_hide_a_topic_is_not_copied_without_it(bag, tmp_path, capsys):
    with metadata_of(bag) as told:
        topics = [each["topic_metadata"] for each in told["topics_with_message_count"]]
        (chatter,) = [each for each in topics if each["name"] == "/chatter"]
        chatter["name"] = "/talk"
    assert main([str(bag)]) == 2
    assert "['/chatter', '/talk'], so messages would be left out" in capsys.readouterr().err
    assert main([str(bag), "--format", "jsonl"]) == 0


def test_subtitles_of_files_in_no_order_begin_with_the_first_frame(
    tmp_path, photograph, second_photograph
):
    """And whose metadata tell a start that is of neither."""
    parts = [
        write_bag(tmp_path / name, [(FRONT, second, jpeg(picture, second))])
        for name, second, picture in (("late", 105, second_photograph), ("drive", 100, photograph))
    ]
    (late,) = parts[0].glob("*.mcap")
    late.rename(parts[1] / late.name)
    with metadata_of(parts[1]) as told:
        told["relative_file_paths"].insert(0, late.name)
        told["starting_time"]["nanoseconds_since_epoch"] = 102 * 10**9
    for form in ("jsonl", "vtt"):
        assert main([str(parts[1]), "--format", form]) == 0
    late, first = [row["caption"] for row in rows(tmp_path / "drive.jsonl")]
    assert (tmp_path / "drive.vtt").read_text() == (
        f"WEBVTT\n\n00:00:00.000 --> 00:00:05.000\n{first}\n"
        f"\n00:00:05.000 --> 00:00:05.500\n{late}\n"
    )
