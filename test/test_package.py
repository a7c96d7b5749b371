"""The repository as a whole: installed files and versions that agree."""

import os
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import pytest

import ros2_captioner
from ros2_captioner.bundle import load_bundle
from ros2_captioner.ros.demo import PHOTOGRAPHS

ROOT = Path(__file__).parents[1]


def test_versions_agree():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    setup = (ROOT / "setup.py").read_text()
    assert package.findtext("version") == ros2_captioner.__version__
    assert f'version="{ros2_captioner.__version__}"' in setup
    assert f"\nversion: {ros2_captioner.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_photographs_of_the_demo_are_listed_with_their_licence():
    rows = re.findall(
        r"^\| `(\S+)` \|(?: [^|]+ \|){3} (?:CC|BSD)[^|]+ \|$",
        (PHOTOGRAPHS / "README.md").read_text(),
        re.MULTILINE,
    )
    assert sorted(rows) == sorted(file.name for file in PHOTOGRAPHS.glob("*.jpg"))


def test_readme_gives_the_scores_of_the_manifest():
    readme = (ROOT / "README.md").read_text()
    for variant, sources in load_bundle().manifest["metrics"].items():
        for name in ("coco", "flickr8k"):
            measures = ("CIDEr", "BLEU-4", "METEOR", "people invented", "people missed", "CHAIR_i")
            row = " | ".join(f"{sources[name][measure]:.3f}" for measure in measures)
            assert f"| {name} | {variant} | {row} |" in readme


def test_scripts_are_executable_and_name_real_entry_points():
    setup = (ROOT / "setup.py").read_text()
    for script in (ROOT / "scripts").iterdir():
        assert os.access(script, os.X_OK)
        module, function = re.search(r"from (\S+) import (\w+)", script.read_text()).groups()
        assert (
            f"{script.name} = {{NAME}}{module.removeprefix('ros2_captioner')}:{function}" in setup
        )


@pytest.mark.parametrize("package", ["ros2_captioner", "training", "benchmarks", "test"])
def test_a_folder_holds_at_most_15_source_files(package):
    folders = Counter(file.parent for file in (ROOT / package).rglob("*.py"))
    assert {folder: count for folder, count in folders.items() if count > 15} == {}


def test_names_of_tests_fit_a_line(request):
    """Of more than 64 KiB, as of a parameter that is that long, ``colcon test`` waits for ever."""
    assert max(len(item.nodeid) for item in request.session.items) < 2000
