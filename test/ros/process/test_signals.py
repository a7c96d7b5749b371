import signal
import subprocess
import sys

import pytest

_WAITING = """
import threading
from ros2_captioner.ros.process.signals import on_signal, wait_for_signals
wait_for_signals()
{action}
print("ready", flush=True)
threading.Event().wait(20)
"""
_TELL = 'on_signal(lambda: print("told", flush=True))'
_CLEAN_UP = f"from ros2_captioner.ros.process.signals import clean_up; clean_up(); {_TELL}"
_HELD = """
import ctypes, os, threading, time
from ros2_captioner.ros.process.signals import clean_up, ignore_signals, on_signal
heard = threading.Event()
on_signal(lambda: (print("told", flush=True), heard.set()))
print("ready", flush=True)
heard.wait()
for step in {steps}:
    step()
time.sleep(0.2)
ignore_signals()
print("cleaned up", flush=True)
os._exit(0)
"""
_HOLD = "lambda: ctypes.PyDLL(None).usleep(4_000_000)"  # with the interpreter's lock held


def waiting(action="", hangup=signal.SIG_DFL):
    program = [sys.executable, "-c", _WAITING.format(action=action)]
    before = signal.signal(signal.SIGHUP, hangup)  # inherited: these tests may run under nohup
    try:
        process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_before_anything_has_begun_a_signal_ends_the_process_with_status_0(number):
    process = waiting()
    process.send_signal(number)
    assert process.wait(10) == 0


def test_a_closed_terminal_ends_no_process_that_was_told_to_ignore_it():
    """As nohup tells it."""
    process = waiting(hangup=signal.SIG_IGN)
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_the_first_signal_acts_and_those_of_the_same_press_do_nothing():
    process = waiting(_TELL)
    for _ in range(20):
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "told\n"
    assert process.poll() is None
    process.kill()
    assert process.communicate(timeout=10)[0] == ""


def test_a_main_thread_that_is_held_up_does_not_hold_up_the_end():
    process = waiting(_TELL)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "told\n"
    assert process.wait(10) == 0


def test_an_end_that_nobody_reads_of_is_one_all_the_same():
    process = waiting(f"import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 2); {_TELL}")
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "told\n"
    assert process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_later_signal_ends_a_process_that_is_still_cleaning_up(number):
    process = waiting(_CLEAN_UP)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "told\n"
    process.send_signal(number)  # of the same press
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)  # it may take its time
    process.send_signal(number)
    assert process.wait(10) == 128 + number


@pytest.mark.parametrize("steps", [f"{_HOLD}, clean_up", f"clean_up, {_HOLD}"])
def test_a_call_that_keeps_all_threads_from_running_costs_no_clean_end(steps):
    """As DDS does while it waits for another process's port."""
    process = waiting(_HELD.format(steps=f"({steps})"))
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "told\n"
    process.send_signal(signal.SIGINT)  # of the same press
    assert process.communicate(timeout=20)[0] == "cleaned up\n"
    assert process.returncode == 0
