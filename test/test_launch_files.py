"""Launch files: their structure everywhere, and for real where launch_ros is installed."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.py"))
HAS_LAUNCH = importlib.util.find_spec("launch_ros") is not None


def test_both_launch_files_are_there():
    assert [file.name for file in LAUNCH_FILES] == ["captioner.launch.py", "demo.launch.py"]


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_executables_are_installed_under_those_names(file):
    tree = ast.parse(file.read_text())
    named = [
        keyword.value.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "executable"
    ]
    assert named and all((ROOT / "scripts" / name).is_file() for name in named)


@pytest.mark.skipif(not HAS_LAUNCH, reason="launch_ros is not installed (it has no wheel)")
@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_every_argument_has_a_description(file):
    spec = importlib.util.spec_from_file_location("launch_file", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    arguments = module.generate_launch_description().get_launch_arguments()
    assert arguments and all(
        argument.description != "no description given" for argument in arguments
    )
