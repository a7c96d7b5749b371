"""The doctor where all is well, and where something is missing or broken."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from ros2_captioner.tools.doctor import _cameras, _captioners, _discovery, _middleware, _Tried
from ros2_captioner.tools.fast_dds import profiles_variable

ROOT = Path(__file__).parents[2]


def examine(*arguments, python=sys.executable, path=(), status):
    """Findings by subject, as (state, text, remedy), of the doctor in a Python."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, path), str(ROOT)])}
    command = [str(python), "-m", "ros2_captioner.tools.doctor", "--json", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stderr
    return {
        each["subject"]: (each["state"], each["text"], each["remedy"])
        for each in json.loads(done.stdout)
    }


def broken(folder, module, error):
    """A folder that holds a module which does not import."""
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text(f"raise ImportError({error!r})")
    return folder


def test_a_whole_machine_captions():
    found = examine(status=0)
    assert not [subject for subject, (state, _, _) in found.items() if state == "fault"]
    assert found["ONNX Runtime"][1].endswith("CPUExecutionProvider")
    assert "in int8 float16" in found["model"][1]
    assert found["test caption"][1].endswith("by onnxruntime on cpu")


@pytest.mark.parametrize(
    ("distribution", "remedy"),
    [("", "source /opt/ros/"), ("jazzy", "apt install ros-$ROS_DISTRO-rclpy")],
)
def test_a_bare_environment_is_told_what_to_install(tmp_path, monkeypatch, distribution, remedy):
    monkeypatch.setenv("ROS_DISTRO", distribution)
    venv.create(tmp_path / "bare", with_pip=False)
    found = examine(python=tmp_path / "bare/bin/python", status=1)
    remedies = {subject: told for subject, (state, _, told) in found.items() if state == "fault"}
    assert remedies == {
        "numpy": "pip install numpy",
        "OpenCV": "pip install opencv-python-headless",
        "jsonschema": "pip install jsonschema",
        "ONNX Runtime": "pip install --no-deps onnxruntime",
    }
    assert found["model"] == ("note", "not tried; fix the faults above first", "")
    assert found["ROS"][0] == "note" and remedy in found["ROS"][2]


@pytest.mark.skipif("ROS_DISTRO" in os.environ, reason="an installation may have the middleware")
def test_a_middleware_that_ros_from_wheels_lacks_is_told_with_its_own_remedy(monkeypatch):
    pytest.importorskip("rclpy")
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    state, text, remedy = examine(status=0)["ROS"]
    assert state == "note" and text.startswith("RMW_IMPLEMENTATION is rmw_cyclonedds_cpp, but ")
    assert "type:" not in text and remedy == "unset RMW_IMPLEMENTATION"


@pytest.mark.parametrize("domain", ["robot", "233"])
def test_a_domain_that_cannot_be_is_not_well(domain, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", domain)
    found = _discovery()
    assert found.state == "note"
    assert f"{domain!r}; expected a whole number, 232 at most" in found.text
    assert found.remedy == "unset ROS_DOMAIN_ID"
    monkeypatch.setenv("ROS_DOMAIN_ID", "232")
    assert _discovery().state == "ok"


def test_a_discovery_that_is_off_is_not_well(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "7")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    found = _discovery()
    assert found.state == "note" and found.text.endswith("=OFF, so no process finds another")
    assert found.remedy == "unset ROS_AUTOMATIC_DISCOVERY_RANGE"


def test_where_no_node_can_log_it_is_said_what_to_type(monkeypatch):
    pytest.importorskip("rclpy")
    monkeypatch.setenv("ROS_LOG_DIR", "/proc/nowhere")
    (found,) = _cameras()
    assert found.state == "note" and "Failed to create log directory" in found.text
    assert found.remedy == "export ROS_LOG_DIR=/tmp"


@pytest.mark.parametrize(
    ("ros2", "remedy"),
    [("/opt/ros/jazzy/bin/ros2", "ros2 topic list -t; "), (None, "captioner_image_player ")],
)
def test_where_no_camera_is_nothing_is_told_to_be_typed_that_is_not_there(
    ros2, remedy, monkeypatch
):
    monkeypatch.setattr("shutil.which", lambda name: ros2)
    nobody = _Tried(True, '{"cameras": {}, "captioners": []}')
    monkeypatch.setattr("ros2_captioner.tools.doctor._try", lambda *_, **__: nobody)
    (found,) = _cameras()
    assert found.state == "note" and found.remedy.startswith(remedy)


def test_a_missing_model_is_named(tmp_path):
    found = examine("--model", str(tmp_path / "none"), status=1)
    faults = {subject: text for subject, (state, text, _) in found.items() if state == "fault"}
    assert list(faults) == ["model"]
    assert faults["model"].startswith(f"no model bundle at {tmp_path / 'none'}; expected")


def test_a_broken_numpy_is_reinstalled(tmp_path):
    path = broken(tmp_path, "numpy", "Error importing numpy: no C-extensions")
    state, text, remedy = examine(path=[path], status=1)["numpy"]
    assert state == "fault" and "no C-extensions" in text
    assert "numpy" in remedy and "reinstall" in remedy


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="the remedy is that of an environment")
def test_a_numpy_too_new_for_opencv_is_named(tmp_path):
    path = broken(tmp_path, "cv2", "numpy.core.multiarray failed to import")
    assert examine(path=[path], status=1)["OpenCV"][2] == "pip install 'numpy<2'"


def test_an_optional_package_that_is_broken_is_not_told_as_missing(tmp_path):
    path = broken(tmp_path, "openvino", "libtbb.so.12: cannot open shared object file")
    state, text, _ = examine(path=[path], status=0)["OpenVINO"]
    assert state == "note" and text.startswith("does not import: ImportError: libtbb.so.12: ")


@pytest.mark.parametrize(
    ("middleware", "state"),
    [("", "note"), ("rmw_fastrtps_dynamic_cpp", "note"), ("rmw_cyclonedds_cpp", "ok")],
)
def test_only_fast_dds_is_told_to_take_its_profile(middleware, state, monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", middleware)
    monkeypatch.delenv(profiles_variable(), raising=False)
    found = _middleware()
    assert (found.state, bool(found.remedy)) == (state, state == "note")


@pytest.mark.parametrize(
    ("names", "state"), [(["/a", "/b"], "ok"), (["/a", "/a"], "note"), ([], None)]
)
def test_captioners_of_one_name_are_noted(names, state):
    found = [*_captioners(names)]
    assert [each.state for each in found] == ([state] if state else [])
    assert all(each.text.startswith(", ".join(names)) for each in found)


def test_findings_are_lines_with_their_remedy_below(tmp_path):
    command = [sys.executable, "-m", "ros2_captioner.tools.doctor"]
    environment = {**os.environ, "PYTHONPATH": f"{broken(tmp_path, 'cv2', 'gone')}:{ROOT}"}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
    assert "\nfault  OpenCV         does not import: ImportError: gone\n" in shown
    assert f"\n{'':22}type: pip" in shown


def test_what_lies_in_the_current_folder_is_no_module(tmp_path, monkeypatch):
    """The command itself does not look there, so neither may what it tries."""
    broken(tmp_path, "numpy", "not this one")
    monkeypatch.chdir(tmp_path)
    script = ROOT / "scripts/captioner_doctor"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script), "--json"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0 and "not this one" not in done.stdout
