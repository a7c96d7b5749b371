"""The site of docs/: every link leads somewhere, and contents are whole."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for page in ("index", "home", "install", "security", "model_card", "quality_declaration"):
        # The table of contents ends at a second title.
        assert (tmp_path / f"{page}.html").read_text().count("<h1") == 1
