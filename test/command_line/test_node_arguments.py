"""The executables of nodes: their help, and what is not ROS's own."""

import os
import subprocess
import sys

import pytest
from command_scripts import SCRIPTS, run

from ros2_captioner.command_line.node_arguments import without_ros_arguments

NODES = [script for script in SCRIPTS if "executables" in script.read_text()]


@pytest.mark.parametrize("script", NODES, ids=lambda script: script.name)
def test_what_ros_does_not_know_is_refused_in_a_line(script):
    pytest.importorskip("rclpy")
    refused = run(script, "--ros-args", "--nonsense")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: ROS refuses the arguments or the environment: ")
    assert refused.stderr.endswith("['--nonsense']; see --help\n")


@pytest.mark.parametrize(
    ("arguments", "environment", "cause"),
    [
        (["-p", os.fsdecode(b"source:=gr\xfcn")], {}, "can't encode"),
        ([], {"ROS_DOMAIN_ID": "abc"}, "ROS_DOMAIN_ID is not an integral number"),
        ([], {"ROS_LOG_DIR": "/proc/nowhere"}, "type: export ROS_LOG_DIR=FOLDER"),
        ([], {"HOME": ""}, "type: export ROS_LOG_DIR=FOLDER"),
    ],
)
def test_what_keeps_ros_from_starting_is_a_line(arguments, environment, cause, monkeypatch):
    pytest.importorskip("rclpy")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    refused = run(NODES[0], "--ros-args", *arguments)
    assert refused.returncode == 2
    assert cause in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "text",
    ["/**:\n  ros__parameters:\n    # rate_hz: 1\n", "rate_hz: 1\n", "ros__parameters:\n  a: 1\n"],
)
def test_a_parameter_file_without_its_sections_is_told_how_one_reads(text, tmp_path):
    pytest.importorskip("rclpy")
    file = tmp_path / "robot.yaml"
    file.write_text(text)
    refused = run(NODES[0], "--ros-args", "--params-file", str(file))
    assert refused.returncode == 2 and refused.stderr.endswith("at least one NAME: VALUE\n")


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
