"""README's install lines: nothing that a robot already has changes its version."""

import importlib.metadata
import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from install_plan import DISTRIBUTIONS, MACHINES, ROBOTS, ROOT, TABLE

PLAN = json.loads(TABLE.read_text(encoding="utf-8"))
PIP_LINE = "PIP_BREAK_SYSTEM_PACKAGES=1 pip3 install --user --no-deps onnxruntime"
KEYS = [
    element.text
    for element in ElementTree.parse(ROOT / "package.xml").getroot()
    if element.tag.endswith("depend")
]


def apt_package(key, distribution):
    return key if key.startswith("python3-") else f"ros-{distribution}-{key.replace('_', '-')}"


@pytest.mark.parametrize("distribution", ROBOTS)
def test_rosdep_installs_from_apt_alone(distribution):
    """If package.xml changed, install_plan.py writes the plan again."""
    found = PLAN[distribution]["rosdep"]
    assert found["apt"] == sorted(apt_package(key, distribution) for key in KEYS)
    assert found["pip"] == []


def test_package_xml_names_every_ros_package_that_is_imported():
    """bondpy alone is optional."""
    files = [*(ROOT / "ros2_captioner").rglob("*.py"), *(ROOT / "launch").glob("*.py")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.M))
    ros = {
        name
        for name in imported
        if re.search(r"^rcl|^launch|^ament|_(msgs|srvs|interfaces)$", name)
    }
    assert len(ros) > 8 and ros <= set(KEYS)


@pytest.mark.parametrize("distribution", ROBOTS)
@pytest.mark.parametrize("machine", MACHINES)
def test_pip_adds_onnxruntime_alone(distribution, machine):
    assert set(PLAN[distribution]["pip"][machine]) == {"onnxruntime"}


@pytest.mark.parametrize("page", ["README.md", "docs/install.md"])
def test_pages_give_the_planned_line(page):
    assert PIP_LINE in (ROOT / page).read_text(encoding="utf-8")


def test_page_gives_the_planned_versions():
    page = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    for distribution, plan in PLAN.items():
        (row,) = re.findall(rf"^\| {distribution}\b.*$", page, re.I | re.M)
        pins = pinned(ROBOTS[distribution][0])
        opencv = pins["opencv-python-headless"].rpartition(".")[0]
        for version in (plan["pip"]["x86_64"]["onnxruntime"], pins["numpy"], opencv):
            assert version in row


def pinned(ubuntu):
    lines = (DISTRIBUTIONS / f"{ubuntu}.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


beside_apts_versions = pytest.mark.skipif(
    "UBUNTU" not in os.environ, reason="make test-humble and test-jazzy set UBUNTU"
)


@beside_apts_versions
def test_this_environment_has_the_versions_of_apt():
    expected = pinned(os.environ["UBUNTU"])
    assert expected == {name: importlib.metadata.version(name) for name in expected}


@beside_apts_versions
def test_pip_puts_commands_where_a_shell_finds_them():
    """By setup.cfg alone Ubuntu 22.04's pip would put them where only ``ros2 run`` looks."""
    missing = {
        script.name
        for script in (ROOT / "scripts").iterdir()
        if not Path(sys.executable).with_name(script.name).exists()
    }
    assert not missing
