"""What is told to be typed: on a robot it changes no version of what is there."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ros2_captioner.backends import onnxruntime, openvino
from ros2_captioner.backends.tensorrt import cuda, engines, signed_int8
from ros2_captioner.command_line.installing import pip_line, share_file
from ros2_captioner.errors import CaptionerError
from ros2_captioner.images.bag import ImageBag
from ros2_captioner.recordings import rows

ROBOT = "PIP_BREAK_SYSTEM_PACKAGES=1 pip3 install --user"
KEPT = f"numpy=={np.__version__}"


@pytest.fixture
def robot(monkeypatch):
    """Python of the system, with apt's packages."""
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)


def test_a_file_that_pip_installed_is_found_without_the_command_ros2(tmp_path, monkeypatch):
    """Which the wheels of ROS do not have."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert share_file("a.xml") == "$(ros2 pkg prefix --share ros2_captioner)/a.xml"
    share = tmp_path / "share/ros2_captioner"
    share.mkdir(parents=True)
    (share / "a.xml").touch()
    assert share_file("a.xml") == str(share / "a.xml")


def test_an_environment_with_a_numpy_of_its_own_needs_no_care(monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(Path(np.__file__).parents[1]))
    assert pip_line("onnx") == "pip install onnx"
    assert pip_line("ray[data]") == "pip install 'ray[data]'"
    assert pip_line("onnxruntime", dependencies=False) == "pip install --no-deps onnxruntime"


def test_an_environment_keeps_a_numpy_that_is_not_its_own(monkeypatch):
    """As one made with --system-site-packages, which has apt's OpenCV as well."""
    monkeypatch.setattr(sys, "prefix", "/home/robot/venv")
    assert pip_line("onnx") == f"pip install {KEPT} onnx"


def test_a_robot_keeps_its_numpy(robot):
    """As onnx brings another one on Ubuntu 22.04, with which apt's OpenCV does not import."""
    assert pip_line("onnx") == f"{ROBOT} {KEPT} onnx"
    assert pip_line("onnxruntime", dependencies=False) == f"{ROBOT} --no-deps onnxruntime"


@pytest.mark.parametrize(
    ("missing", "need", "line"),
    [
        ("onnxruntime", lambda: onnxruntime.check_device("cpu"), "--no-deps onnxruntime"),
        ("cuda.bindings", cuda.import_cuda, f"{KEPT} cuda-python"),
        ("onnx", signed_int8.import_onnx, f"{KEPT} onnx"),
        ("rosbags.rosbag2", lambda: ImageBag("bag"), f"{KEPT} rosbags"),
        ("pyarrow.parquet", lambda: next(rows.caption_rows(Path("x.parquet"))), f"{KEPT} pyarrow"),
    ],
)
def test_what_is_missing_on_a_robot_is_told_so(robot, monkeypatch, missing, need, line):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(CaptionerError) as caught:
        need()
    assert f"type: {ROBOT} {line}" in str(caught.value)


def test_runtimes_that_a_robot_lacks_are_told_so(robot, monkeypatch):
    monkeypatch.setattr(openvino.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CaptionerError, match=f"{ROBOT} {KEPT} openvino$"):
        openvino.check_installed()
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(CaptionerError, match=f"{ROBOT} {KEPT} tensorrt-rtx-cu13$"):
        engines.import_tensorrt()


def test_onnx_runtime_for_a_gpu_is_added_alone_on_a_robot(robot, monkeypatch):
    """It asks for a newer numpy than Ubuntu 22.04 has, and runs with that one."""
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(CaptionerError, match=f"{ROBOT} --no-deps onnxruntime-gpu, or use"):
        onnxruntime.check_device("cuda")
