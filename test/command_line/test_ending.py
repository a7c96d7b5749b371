"""How commands end: errors, interrupts, and outputs that go away or are full."""

import os
import signal
import subprocess
import sys

import pytest

from ros2_captioner.command_line import ending
from ros2_captioner.command_line.ending import INTERRUPTED, command, run_command
from ros2_captioner.errors import OptionsError


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

    monkeypatch.setattr(ending.importlib, "import_module", interrupted)
    assert run_command("ros2_captioner.tools.caption") == INTERRUPTED


_CHATTER = r"""
import sys
from ros2_captioner.command_line.ending import command
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
from ros2_captioner.command_line.ending import command
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
from ros2_captioner.command_line.ending import command
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


_CLEANED_UP = r"""
import os, signal, sys
from ros2_captioner.command_line.ending import clean_up_on_signals
if sys.argv[1:]:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
clean_up_on_signals()
try:
    os.kill(os.getpid(), signal.SIGHUP)
    print("goes on")
finally:
    for _ in range(2):  # which ends no cleaning
        os.kill(os.getpid(), signal.SIGTERM)
    print("clean")
"""


@pytest.mark.parametrize(
    ("ignored", "status", "said"),
    [([], 128 + signal.SIGHUP, "clean\n"), (["nohup"], 128 + signal.SIGTERM, "goes on\n")],
)
def test_a_closed_terminal_ends_a_command_cleanly_unless_it_was_told_to_go_on(
    ignored, status, said
):
    line = [sys.executable, "-c", _CLEANED_UP, *ignored]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (status, said, "")
