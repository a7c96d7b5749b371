"""Every executable: help, version, and what it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

import ros2_captioner
from ros2_captioner.command_line import without_ros_arguments
from ros2_captioner.ros import executables

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


def test_without_ros_a_node_says_what_to_install(monkeypatch):
    monkeypatch.setattr(executables, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["captioner_node"])
    with pytest.raises(SystemExit, match=r"error: found no rclpy; .*pip install"):
        executables.captioner_node()


def test_the_help_of_a_node_lists_its_parameters():
    (node,) = (script for script in SCRIPTS if script.name == "captioner_node")
    assert "beam_width (integer, 3): Hypotheses" in run(node, "-h").stdout


def test_arguments_of_ros_are_left_to_ros():
    given = ["a", "--ros-args", "-p", "x:=1", "--", "b", "--ros-args", "--log-level", "info"]
    assert without_ros_arguments(given) == ["a", "b"]
