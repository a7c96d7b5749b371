"""The repository as a whole: installed files, line counts, versions that agree."""

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import ros2_captioner
from ros2_captioner.bundle import load_bundle

ROOT = Path(__file__).parents[1]
SOURCES = [
    file
    for folder in ("ros2_captioner", "training", "launch", "test", "scripts")
    for file in sorted((ROOT / folder).rglob("*"))
    if file.suffix == ".py"
]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_file_above_300_lines(file):
    assert len(file.read_text().splitlines()) <= 300


def test_versions_agree():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    setup = (ROOT / "setup.py").read_text()
    assert package.findtext("version") == ros2_captioner.__version__
    assert f'version="{ros2_captioner.__version__}"' in setup


def test_readme_gives_the_scores_of_the_manifest():
    readme = (ROOT / "README.md").read_text()
    for variant, scores in load_bundle().manifest["metrics"].items():
        assert re.search(rf"^\| {variant} \| {scores['CIDEr']:.3f} \|", readme, re.M)
        assert scores["signature"] in readme


def test_scripts_are_executable_and_name_real_entry_points():
    setup = (ROOT / "setup.py").read_text()
    for script in (ROOT / "scripts").iterdir():
        assert os.access(script, os.X_OK)
        module, function = re.search(r"from (\S+) import (\w+)", script.read_text()).groups()
        assert (
            f"{script.name} = {{NAME}}{module.removeprefix('ros2_captioner')}:{function}" in setup
        )


def test_run_time_never_names_torch_or_pickle():
    for file in (ROOT / "ros2_captioner").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) (torch|pickle|training)\b", file.read_text(), re.M)


def test_training_never_names_ros():
    for file in (ROOT / "training").rglob("*.py"):
        assert not re.search(
            r"^\s*(import|from) (rclpy|ros2_captioner\.ros)", file.read_text(), re.M
        )
