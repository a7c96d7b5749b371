"""Every executable: help, version, and what it refuses."""

import argparse
import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ros2_captioner
from ros2_captioner import command_line
from ros2_captioner.command_line import (
    INTERRUPTED,
    Progress,
    at_least_one,
    check_output,
    command,
    replace_file,
    without_ros_arguments,
    writing,
)
from ros2_captioner.errors import OptionsError

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts").iterdir())


def run(script, *arguments):
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_help_and_version(script):
    shown = run(script, "--help")
    assert shown.returncode == 0 and shown.stdout.startswith(f"usage: {script.name} ")
    version = run(script, "--version")
    assert version.returncode == 0
    assert version.stdout == f"{script.name} (ros2_captioner {ros2_captioner.__version__})\n"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_an_unknown_argument_is_refused_with_the_usage(script):
    refused = run(script, "--nonsense")
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert refused.stderr.startswith(f"usage: {script.name} ")


NODES = [script for script in SCRIPTS if "executables" in script.read_text()]


@pytest.mark.parametrize("script", NODES, ids=lambda script: script.name)
def test_what_ros_does_not_know_is_refused_in_a_line(script):
    pytest.importorskip("rclpy")
    refused = run(script, "--ros-args", "--nonsense")
    assert refused.returncode == 2
    assert refused.stderr == "error: --ros-args: ['--nonsense']; see --help\n"


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_without_ros_a_node_says_what_to_install():
    refused = python(
        "from ros2_captioner.ros import executables as e\n"
        "e.find_spec = lambda name: None\n"
        "e.captioner_node()"
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: found no rclpy; ") and "pip" in refused.stderr


def test_signals_are_handled_before_what_takes_long_is_imported():
    """Until then Python answers Ctrl-C with a traceback."""
    loaded = python(
        "import sys, ros2_captioner.ros.executables; print(*sys.modules)"
    ).stdout.split()
    assert "ros2_captioner.ros.process.signals" in loaded
    assert not {"numpy", "rclpy", "cv2", "argparse"} & set(loaded)


def test_the_help_of_a_node_lists_its_parameters():
    (node,) = (script for script in SCRIPTS if script.name == "captioner_node")
    shown = run(node, "-h").stdout
    assert "beam_width (integer, 3): Hypotheses" in shown
    for typed in ("['/camera/image_raw']", "[]", "true", "''", "2.0"):
        assert f", {typed}): " in shown


def test_arguments_of_ros_are_left_to_ros():
    given = ["a", "--ros-args", "-p", "x:=1", "--", "b", "--ros-args", "--log-level", "info"]
    assert without_ros_arguments(given) == ["a", "b"]


def raising(error):
    @command(failed=2)
    def main(arguments=None):
        raise error

    return main


def test_an_error_is_one_line_and_an_interrupt_none(capsys):
    assert raising(OptionsError("x is 1; expected 2"))() == 2
    assert capsys.readouterr().err == "error: x is 1; expected 2\n"
    assert raising(OSError("disk full"))() == 2
    assert capsys.readouterr().err == "error: disk full\n"
    assert raising(FileNotFoundError(2, "No such file or directory", "a\n"))() == 2
    assert capsys.readouterr().err == "error: a\\n: No such file or directory\n"
    assert raising(KeyboardInterrupt())() == INTERRUPTED == 130
    assert capsys.readouterr().err == ""


def test_an_interrupt_in_the_import_is_none_either(monkeypatch):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line.importlib, "import_module", interrupted)
    assert command_line.run_command("ros2_captioner.tools.caption") == INTERRUPTED


_CHATTER = r"""
import sys
from ros2_captioner.command_line import command
@command(failed=2)
def main(arguments=None):
    for _ in range(100_000):
        print("gr\u00fcn gr\udcfcn")
    return 0
sys.exit(main())
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_reader_that_goes_away_is_no_error(encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    writer = subprocess.Popen(
        [sys.executable, "-c", _CHATTER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    first = writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == b"" and writer.wait(60) == 0
    shown = {"utf-8": "grün gr\\udcfcn\n".encode(), "ascii": b"gr\\xfcn gr\\udcfcn\n"}
    assert first == shown[encoding]


_FEW = r"""
import sys
from ros2_captioner.command_line import command
@command(failed=2)
def main(arguments=None):
    print("once", flush=FLUSH)
    return 0
sys.exit(main())
"""


@pytest.mark.parametrize("flush", ["True", "False"])
def test_a_full_output_is_named_in_a_line(flush):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", _FEW.replace("FLUSH", flush)],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    said = "cannot write to the standard output: No space left on device; expected room for it"
    assert done.returncode == 2 and done.stderr == f"error: {said}\n"


_OUTPUTS = r"""
import os, sys
from ros2_captioner.command_line import command
@command(failed=2)
def main(arguments=None):
    print("to nowhere")
    print("nor this", file=sys.stderr)
    pipe = os.pipe()
    return 0 if min(pipe) > 2 and sys.stdout.isatty() is False else 3
sys.exit(main())
"""


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_output_is_no_error_and_nothing_takes_its_place(closed):
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", _OUTPUTS]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert (done.stdout == "") is (closed != "2>&-") and "Traceback" not in done.stderr


class Screen(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self._terminal = terminal

    def isatty(self):
        return self._terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_overwritten_in_place_and_silent_without_a_terminal(monkeypatch, terminal):
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "10")
    progress = Progress()
    for step in range(1000):
        progress.show(f"{step} of many steps")
    progress.clear()
    shown = screen.getvalue()
    assert "\n" not in shown and bool(shown) is terminal
    assert all(len(text.removesuffix("\x1b[K")) < 10 for text in shown.split("\r"))


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
    check_output("--srt", "/dev/null", ["/dev/null"])


def test_what_cannot_be_written_is_said_before(tmp_path):
    for target in (tmp_path, ""):
        with pytest.raises(OptionsError, match="--vtt: .*is a folder; expected a file"):
            check_output("--vtt", target)
    with pytest.raises(OptionsError, match="found no folder .*none; .* mkdir -p"):
        check_output("--vtt", tmp_path / "none/out")


def test_a_failure_to_write_names_the_file(tmp_path):
    said = "cannot write out.vtt: No space left.*expected"
    with pytest.raises(OSError, match=said), writing("out.vtt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OSError, match="cannot write /dev/full: No space left"):
        replace_file(Path("/dev/full"), b"x")


def test_a_replaced_file_is_whole_or_the_old_one(tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    target.write_bytes(b"old")
    os.symlink(target, tmp_path / "link")
    replace_file(tmp_path / "link", b"new")
    assert target.read_bytes() == b"new" and (tmp_path / "link").is_symlink()

    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="page.html"):
        replace_file(target, b"newer")
    assert target.read_bytes() == b"new" and sorted(os.listdir(tmp_path)) == ["link", "page.html"]


@pytest.mark.parametrize("text", ["0", "-3", "x", "1.5", "", "\x1b"])
def test_a_number_that_is_not_one_or_more_is_told(text):
    shown = "\\\\x1b" if text == "\x1b" else text
    with pytest.raises(argparse.ArgumentTypeError, match=f"^found {shown}; expected 1 or more$"):
        at_least_one(text)
    assert at_least_one("12") == 12


@pytest.mark.parametrize(
    "arguments",
    [
        ["caption_find", "dog", "captions.jsonl", "--limit", "0"],
        ["caption_fleet", "recordings", "--output", "out", "--workers", "-1"],
        ["captioner_benchmark", "--rounds", "0"],
        ["captioner_benchmark", "--cameras", "1", "0"],
        ["captioner_benchmark", "--beam-widths", "0"],
    ],
    ids=" ".join,
)
def test_numbers_of_commands_are_one_or_more(arguments):
    refused = run(SCRIPTS[0].parent / arguments[0], *arguments[1:])
    assert refused.returncode == 2
    assert f"found {arguments[-1]}; expected 1 or more\n" in refused.stderr
