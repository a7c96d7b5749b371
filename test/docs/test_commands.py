"""Commands of the README and of docs/: run where they can run here, else held against the code."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import yaml
from bundles import copy_bundle

from ros2_captioner.options import make_options
from ros2_captioner.settings import BagPlayerSettings, ImagePlayerSettings, NodeSettings
from ros2_captioner.tools.caption_fleet import argument_parser as fleet_arguments

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SCRIPTS = {file.name for file in (ROOT / "scripts").iterdir()}
SETTINGS = set(NodeSettings.__dataclass_fields__)
PLAYERS = {
    "captioner_image_player": set(ImagePlayerSettings.__dataclass_fields__),
    "captioner_bag_player": set(BagPlayerSettings.__dataclass_fields__),
}
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```\n", re.S | re.M)
INDENTED = re.compile(r"^\n((?:^    \S.*\n)+)", re.M)
RUN_HERE = ("caption ", "caption_bag ", "caption_find ", "captioner_bundle ", "openssl ")
# What needs a ROS installation, a network, a GPU or hours, and has no name of ours to check.
ELSEWHERE = (
    "cd ", "mkdir ", "wget ", "git clone ", "rosdep install ", "colcon build ", "source ",
    "export ", "pip3 install ", "python3 -m venv ", "torchrun ", "ros2 bag record ",
    "ros2 topic echo ", "ros2 service call ", "ros2 security ",
)  # fmt: skip


def commands(page):
    """Single commands of a page, comments left out, variables and continued lines put in."""
    text = page.read_text(encoding="utf-8")
    blocks = [body for _, language, body in FENCED.findall(text) if language in ("", "bash")]
    blocks += [
        re.sub(r"^    ", "", body, flags=re.M) for body in INDENTED.findall(FENCED.sub("", text))
    ]
    variables = {}
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        line = re.sub(r"\s{2,}#.*|^\s*#.*", "", line).strip()
        for name, value in variables.items():
            line = line.replace(f"${name}", value)
        if assigned := re.fullmatch(r'([A-Z]+)="(.*)"', line):
            variables[assigned[1]] = assigned[2]
        elif " -> " not in line:  # a drawing
            yield from (part.strip() for part in line.split(" && ") if part.strip())


def check_make(command):
    subprocess.run(["make", "-n", *command.split()[1:]], cwd=ROOT, check=True, capture_output=True)


def check_run(command):
    name, *arguments = shlex.split(command)[3:]
    assert name in SCRIPTS
    for given in re.findall(r"-p (\w+):=", " ".join(arguments)):
        assert given in PLAYERS.get(name, SETTINGS)


def check_launch(command):
    file, *arguments = shlex.split(command)[3:]
    source = (ROOT / "launch" / file).read_text(encoding="utf-8")
    for argument in arguments:
        name = argument.partition(":=")[0]
        assert name in SETTINGS or f'"{name}"' in source


def check_parameter(command):
    node, name, value = shlex.split(command)[3:]
    assert node == "/captioner"
    given = yaml.safe_load(value)
    make_options(NodeSettings, {name: tuple(given) if isinstance(given, list) else given})


def check_training(command):
    words = shlex.split(command.replace("{18,22,24}", "18"))
    modules = words[2].replace(".", "/"), "training/config/arguments"  # and what commands share
    source = "".join((ROOT / f"{name}.py").read_text(encoding="utf-8") for name in modules)
    for word in words[3:]:
        assert not word.startswith("--") or f'"{word}"' in source, word
        assert not word.endswith(".yaml") or (ROOT / word).is_file(), word


def check_pip(command):
    for extra in re.findall(r"\.\[(.*?)\]", command):
        assert f'"{extra}":' in (ROOT / "setup.py").read_text(encoding="utf-8")


def check_fleet(command):
    assert fleet_arguments().parse_args(shlex.split(command)[1:]).output


CHECKS = {
    "caption_fleet ": check_fleet,
    "make ": check_make,
    "ros2 run ros2_captioner ": check_run,
    "ros2 launch ros2_captioner ": check_launch,
    "ros2 param set ": check_parameter,
    "python -m training.": check_training,
    "pip install ": check_pip,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_names_what_there_is(page):
    for command in commands(page):
        command = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", command)
        if command.startswith((*ELSEWHERE, *RUN_HERE)):
            continue
        check = next((c for start, c in CHECKS.items() if command.startswith(start)), None)
        assert check, f"{page.name} has a command of a new kind, which no test checks: {command}"
        check(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_can_run_here_run(page, tmp_path, photograph):
    lines = [command for command in commands(page) if command.startswith(RUN_HERE)]
    if not lines:
        pytest.skip("no such commands")
    if any(line.startswith("openssl") for line in lines) and not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    cv2.imwrite(str(tmp_path / "photo.jpg"), photograph[:, :, ::-1])
    if any(line.startswith("caption_bag") for line in lines):
        pytest.importorskip("rosbags")
        from bags import jpeg, write_bag

        images = [("/camera/image_raw/compressed", turn, jpeg(photograph, turn)) for turn in (1, 2)]
        for name in ("demo", "drive"):
            write_bag(tmp_path / name, images)
        video = cv2.VideoWriter(
            str(tmp_path / "video.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 2, (640, 480)
        )
        for _ in range(2):
            video.write(photograph[:, :, ::-1])
        video.release()
    copy_bundle(tmp_path / "bundles/flickr8k")
    functions = [
        f'{name}() {{ "{sys.executable}" "{ROOT}/scripts/{name}" "$@"; }}' for name in SCRIPTS
    ]
    # Whether a search finds anything hangs on what the model says of this scene: 1 is no failure.
    lines = [
        f"{line} || [ $? -eq 1 ]" if line.startswith("caption_find") else line for line in lines
    ]
    script = "\n".join(["set -e", *functions, *lines])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
