"""``captioner_doctor``: what this machine has, what is missing, and what to type for it.

Everything that could be broken is tried in a process of its own, which may die.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.installing import in_environment, pip_line, share_file
from ros2_captioner.command_line.parsers import command_parser
from ros2_captioner.command_line.text import in_line
from ros2_captioner.tools.fast_dds import profiles_variable
from ros2_captioner.version import VERSION

OK, NOTE, FAULT = "ok", "note", "fault"  # a fault keeps the captioner from running
_TRY_TIMEOUT_S = 120.0
_GRAPH_TIMEOUT_S = 20.0
_HIGHEST_DOMAIN = 232  # its ports are the last below 65536
_REACH = (
    "ROS_LOCALHOST_ONLY",
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "ROS_STATIC_PEERS",
    "ROS_DISCOVERY_SERVER",
)
_OLDEST_PYTHON = (3, 10)


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        subject: what was looked at.
        state: `OK`, `NOTE` or `FAULT`.
        text: what was found.
        remedy: what to type; empty where nothing is missing.
    """

    subject: str
    state: str
    text: str
    remedy: str = ""


@command(failed=1)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns 0 if captions can be made here, else 1."""
    parsed = _parser().parse_args(arguments)
    findings = []
    for finding in _examination(parsed.model):
        findings.append(finding)
        if not parsed.json:
            _show(finding)
    if parsed.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    return int(any(finding.state == FAULT for finding in findings))


def _examination(model: str) -> Iterator[Finding]:
    """Findings as they are made, from what everything stands on to what stands on top."""
    ground = [
        _python(),
        _needed("numpy", "numpy", "numpy", "python3-numpy"),
        _needed("OpenCV", "cv2", "opencv-python-headless", "python3-opencv"),
        _needed("jsonschema", "jsonschema", "jsonschema", "python3-jsonschema"),
        _onnxruntime(),
    ]
    yield from ground
    yield _optional("OpenVINO", "openvino")
    yield _optional("TensorRT", "tensorrt", "tensorrt_rtx")
    yield _optional("simplejpeg", "simplejpeg")
    yield _gpu()
    ros = _ros()
    yield ros
    if ros.state == OK:
        yield _middleware()
        yield _discovery()
        yield from _cameras()
    if any(finding.state == FAULT for finding in ground):
        yield Finding("model", NOTE, "not tried; fix the faults above first")
        return
    bundle = _model(model)
    yield bundle
    if bundle.state == OK:
        yield _caption(model)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "captioner_doctor",
        "Look at Python, numpy, OpenCV, runtimes, GPU, ROS and the model; caption a test image. "
        "Says what to type for whatever is missing. Status 1 if no caption can be made here.",
    )
    parser.add_argument("--model", default="", help="bundle; the shipped model if not given")
    parser.add_argument("--json", action="store_true", help="findings as a JSON list")
    return parser


def _show(finding: Finding) -> None:
    print(in_line(f"{finding.state:5}  {finding.subject:14} {finding.text}"), flush=True)
    if finding.remedy:
        print(f"{'':22}type: {finding.remedy}", flush=True)


@dataclass(frozen=True)
class _Tried:
    """How a Python program in a process of its own ended; `text` is its last line."""

    works: bool
    text: str


def _try(program: str, *arguments: str, timeout_s: float = _TRY_TIMEOUT_S) -> _Tried:
    # Modules as this process finds them: by itself `-c` looks in the current folder first.
    path = f"import sys; sys.path[:] = {sys.path!r}\n"
    started = [sys.executable, "-c", path + program, *arguments]
    try:
        done = subprocess.run(
            started, capture_output=True, text=True, errors="replace", timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        return _Tried(False, f"no answer within {timeout_s:.0f} s")
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    died = f"the process died with status {done.returncode}" if done.returncode else ""
    return _Tried(done.returncode == 0, lines[-1] if lines else died)


def _python() -> Finding:
    text = f"{platform.python_version()} at {sys.executable}, ros2_captioner {VERSION}"
    if sys.version_info >= _OLDEST_PYTHON:
        return Finding("Python", OK, text)
    return Finding("Python", FAULT, f"{text}; expected 3.10 or newer", "python3 --version")


def _needed(subject: str, module: str, pip: str, apt: str) -> Finding:
    found = _try(f"import {module} as m; print(m.__version__, 'at', m.__file__)")
    if found.works:
        return Finding(subject, OK, found.text)
    if f"No module named {module!r}" in found.text:
        remedy = f"pip install {pip}" if in_environment() else f"sudo apt install {apt}"
    elif "numpy.core.multiarray" in found.text and module != "numpy":  # built for numpy 1
        remedy = "pip install 'numpy<2'" if in_environment() else "pip3 uninstall numpy"
    elif in_environment():
        remedy = f"pip install --force-reinstall {pip}"
    else:  # most often a package from pip that came in front of apt's
        remedy = f"pip3 uninstall {pip}; sudo apt install --reinstall {apt}"
    return Finding(subject, FAULT, f"does not import: {found.text}", remedy)


def _onnxruntime() -> Finding:
    found = _try(
        "import onnxruntime as m; print(m.__version__, 'with', *m.get_available_providers())"
    )
    if found.works:
        return Finding("ONNX Runtime", OK, found.text)
    remedy = pip_line("onnxruntime", dependencies=False)
    return Finding("ONNX Runtime", FAULT, f"does not import: {found.text}", remedy)


def _optional(subject: str, *modules: str) -> Finding:
    text = "not installed; it is optional"
    for name in modules:
        # This package first: it turns the telemetry of the runtimes off.
        found = _try(f"import ros2_captioner, {name} as m; print(m.__name__, m.__version__)")
        if found.works:
            return Finding(subject, OK, found.text)
        if f"No module named {name!r}" not in found.text:
            text = f"does not import: {found.text}"
    return Finding(subject, NOTE, text)


def _gpu() -> Finding:
    found = _try(
        "from ros2_captioner.backends.nvidia_driver import check_driver; check_driver(); "
        "print('the driver reports a GPU')"
    )
    jetson = Path("/etc/nv_tegra_release")
    board = f"; {jetson.read_text().splitlines()[0]}" if jetson.is_file() else ""
    return Finding("GPU", OK if found.works else NOTE, _reason(found.text) + board)


def _reason(line: str) -> str:
    """The last line of a traceback without the module of its error."""
    kind, separator, text = line.partition(": ")
    return text if separator and kind.startswith("ros2_captioner.") else line


def _ros() -> Finding:
    found = _try("import ros2_captioner.ros, rclpy; print(rclpy.__file__)")
    distribution = os.environ.get("ROS_DISTRO", "")
    if found.works:
        return Finding("ROS", OK, f"{distribution or 'from wheels'}, rclpy at {found.text}")
    # What this package finds itself says what to type.
    reason, _, remedy = found.text.removeprefix("error: ").partition("; type: ")
    if not remedy and distribution:
        remedy = "sudo apt install ros-$ROS_DISTRO-rclpy"
    text = f"{reason}; images can be captioned, nodes cannot run"
    return Finding("ROS", NOTE, text, remedy or "source /opt/ros/DISTRIBUTION/setup.bash")


def _middleware() -> Finding:
    """Raw images above 512 KB need a profile of Fast DDS in the process that publishes them."""
    middleware = os.environ.get("RMW_IMPLEMENTATION") or "the default middleware"
    if middleware.startswith("rmw_") and "fastrtps" not in middleware:
        return Finding("DDS profile", OK, f"{middleware}, which reads no profile of Fast DDS")
    variable = profiles_variable()
    profile = os.environ.get(variable, "")
    if profile and not Path(profile).is_file():
        text = f"{variable} names {profile}, which is no file"
        return Finding("DDS profile", NOTE, text, f"unset {variable}")
    if profile:
        return Finding("DDS profile", OK, f"{middleware}, {variable}={profile}")
    text = f"{middleware}, no profile; a camera that publishes raw images above 512 KB needs one"
    remedy = f"export {variable}={share_file('config/fastdds_large_images.xml')}"
    return Finding("DDS profile", NOTE, text, remedy)


def _discovery() -> Finding:
    domain = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not domain.isdecimal() or int(domain) > _HIGHEST_DOMAIN:
        expected = f"expected a whole number, {_HIGHEST_DOMAIN} at most"
        text = f"ROS_DOMAIN_ID is {domain!r}; {expected}, so no node starts"
        return Finding("discovery", NOTE, text, "unset ROS_DOMAIN_ID")
    reach = {name: os.environ[name] for name in _REACH if name in os.environ}
    text = ", ".join([f"domain {domain}", *(f"{name}={value}" for name, value in reach.items())])
    if os.environ.get("ROS_DISTRO") == "humble" and "ROS_AUTOMATIC_DISCOVERY_RANGE" in reach:
        text += "; Humble does not know ROS_AUTOMATIC_DISCOVERY_RANGE"
        return Finding("discovery", NOTE, text, "export ROS_LOCALHOST_ONLY=1")
    if reach.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "OFF":
        text += ", so no process finds another"
        return Finding("discovery", NOTE, text, "unset ROS_AUTOMATIC_DISCOVERY_RANGE")
    return Finding("discovery", OK, text)


def _cameras() -> Iterator[Finding]:
    found = _try("from ros2_captioner.ros.graph import main; main()", timeout_s=_GRAPH_TIMEOUT_S)
    if not found.works:
        # As of a service of systemd, which has no HOME: no node starts then.
        remedy = "export ROS_LOG_DIR=/tmp" if "initialize logging" in found.text else ""
        yield Finding("cameras", NOTE, f"not looked for: {found.text}", remedy)
        return
    seen = json.loads(found.text)
    topics = ", ".join(f"{topic} ({kind})" for topic, kind in seen["cameras"].items())
    if topics:
        yield Finding("cameras", OK, topics)
    else:
        demo = "captioner_image_player --ros-args -p source:=FOLDER"  # with ROS from wheels
        if shutil.which("ros2"):
            demo = "ros2 topic list -t; ros2 launch ros2_captioner demo.launch.py"
        yield Finding("cameras", NOTE, "nobody publishes images in this domain", demo)
    yield from _captioners(seen["captioners"])


def _captioners(names: Sequence[str]) -> Iterator[Finding]:
    text = ", ".join(names)
    if len(set(names)) < len(names):
        text += "; a parameter or a service reaches any one of those with the same name: end one"
        yield Finding("captioners", NOTE, text)
    elif names:
        yield Finding("captioners", OK, text)


def _model(model: str) -> Finding:
    found = _try(
        "import sys; from ros2_captioner.bundle import load_bundle as load; b = load(sys.argv[1]); "
        "print(b.manifest['name'], b.digest, 'in', *b.precisions, 'at', b.path)",
        model,
    )
    if found.works:
        return Finding("model", OK, found.text)
    remedy = (
        "" if model else "git checkout -- ros2_captioner/models  # then install the package again"
    )
    return Finding("model", FAULT, _reason(found.text), remedy)


def _caption(model: str) -> Finding:
    found = _try(
        "import sys, numpy as np; from ros2_captioner.captioner import Captioner\n"
        "captioner = Captioner.load(sys.argv[1])\n"
        "image = np.full((480, 640, 3), (110, 160, 230), np.uint8); image[240:] = (60, 140, 50)\n"
        "backend, batch = captioner.backend, captioner.caption([image])\n"
        "print(f'{batch.captions[0].text!r} by {backend.name} on {backend.device}')",
        model,
    )
    if found.works:
        return Finding("test caption", OK, found.text)
    return Finding("test caption", FAULT, _reason(found.text))


if __name__ == "__main__":
    sys.exit(main())
