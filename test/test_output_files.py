"""Files that are written: what is refused before, and what a failure leaves."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.output_files import check_output, only_writer, replace_file, writing


def test_an_output_that_is_an_input_is_refused_by_whatever_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "in.avi"
    source.write_bytes(b"video")
    os.symlink(source, tmp_path / "link")
    os.link(source, tmp_path / "hard")
    for name in ("in.avi", "./in.avi", "link", "hard"):
        with pytest.raises(OptionsError, match="--vtt: .*same file as .*in.avi.*another"):
            check_output("--vtt", name, [source])
    with pytest.raises(OptionsError, match="same file"):  # neither is there yet
        check_output("--srt", "new", ["./new"])
    check_output("--srt", "new", ["newer", source])
    check_output("--srt", "in.avi", ["new"])
    check_output("--srt", "/dev/null", ["/dev/null"])


def test_what_cannot_be_written_is_said_before(tmp_path):
    for target in (tmp_path, ""):
        with pytest.raises(OptionsError, match="--vtt: .*is a folder; expected a file"):
            check_output("--vtt", target)
    with pytest.raises(OptionsError, match="found no folder .*my files; .* mkdir -p '.*my files'"):
        check_output("--vtt", tmp_path / "my files/out")


def test_a_failure_to_write_names_the_file(tmp_path):
    said = "cannot write out.vtt: No space left.*expected"
    with pytest.raises(OSError, match=said), writing("out.vtt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OSError, match="cannot write /dev/full: No space left"):
        replace_file(Path("/dev/full"), b"x")


def test_a_replaced_file_is_whole_or_the_old_one(tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    target.write_bytes(b"old")
    target.chmod(0o640)
    os.symlink(target, tmp_path / "link")
    replace_file(tmp_path / "link", b"new")
    assert target.read_bytes() == b"new" and (tmp_path / "link").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640

    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="page.html"):
        replace_file(target, b"newer")
    assert target.read_bytes() == b"new" and sorted(os.listdir(tmp_path)) == ["link", "page.html"]


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/stderr", "log"])
def test_what_the_output_goes_to_keeps_what_it_has(name, tmp_path):
    """It would be replaced by the new file, and what is printed later would be lost."""
    code = (
        "import pathlib, sys\n"
        "from ros2_captioner.output_files import check_output, replace_file\n"
        "print('printed')\n"
        "check_output('--vtt', sys.argv[1])\n"
        "replace_file(pathlib.Path(sys.argv[1]), b'written\\n')\n"
        "print('last')\n"
    )
    log = tmp_path / "log"
    log.write_text("first\n")
    command = [sys.executable, "-c", code, name]
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONUNBUFFERED": ""}
    with open(log, "a") as stream:
        subprocess.run(
            command, stdout=stream, stderr=stream, cwd=tmp_path, env=environment, check=True
        )
    assert log.read_text() == "first\nprinted\nwritten\nlast\n"


@pytest.mark.parametrize("locked", ["folder", "file"])
def test_a_file_that_cannot_be_replaced_is_refused_before(locked, tmp_path, monkeypatch):
    """A new file takes its place, for which the folder must be writable too."""
    target = tmp_path / "out.vtt"
    target.touch()
    closed = {"folder": tmp_path, "file": target}[locked]
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed)
    with pytest.raises(OptionsError, match="--vtt: .*out.vtt may not be written; expected"):
        check_output("--vtt", target)
    check_output("--vtt", "/dev/null")  # which is written itself


def test_a_name_that_leaves_no_room_for_the_unfinished_file_is_refused_before(tmp_path):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX") - len("..partial")
    for name in ("a" * longest, "ä" * (longest // 2)):
        check_output("--output", tmp_path / name)
        replace_file(tmp_path / name, b"new")
    for name in ("a" * (longest + 1), "ä" * (longest // 2 + 1), "a" * 300):
        with pytest.raises(OptionsError, match=f"--output: the name .* at most {longest}"):
            check_output("--output", tmp_path / name)


def test_a_folder_has_one_writer_at_a_time(tmp_path):
    with only_writer(tmp_path, tmp_path / "out"):
        refused = "another run is writing .*out; wait.*--output"
        for _ in range(2):  # a refusal frees nothing
            with pytest.raises(OptionsError, match=refused), only_writer(tmp_path, "out"):
                pytest.fail("two writers")
    assert not os.listdir(tmp_path)
    with only_writer(tmp_path, tmp_path / "out"):
        pass


def test_a_killed_writer_keeps_nobody_out(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from ros2_captioner.output_files import only_writer\n"
        "with only_writer(Path(sys.argv[1]), 'out'): print(flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        holder.stdout.readline()
        with pytest.raises(OptionsError, match="another run"), only_writer(tmp_path, "out"):
            pytest.fail("two writers")
        holder.kill()
    assert holder.returncode == -signal.SIGKILL and os.listdir(tmp_path)
    with only_writer(tmp_path, "out"):
        pass


def test_a_lock_that_was_deleted_meanwhile_is_not_taken(tmp_path, monkeypatch):
    """The run that held it ended between the opening and the locking."""
    lock = fcntl.flock

    def late(stream, how):
        os.unlink(stream.name)
        lock(stream, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(OptionsError, match="another run"), only_writer(tmp_path, "out"):
        pytest.fail("a lock that nobody else sees")


def test_a_file_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    def none(*given):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    with only_writer(tmp_path, "out"):
        (tmp_path / "x").touch()
    assert os.listdir(tmp_path) == ["x"]
