"""The site of docs/: every link leads somewhere, and contents are whole."""

import re
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
        assert (tmp_path / f"{page}.html").is_file()
    for path in tmp_path.glob("*.html"):
        page = path.read_text()
        # The table of contents ends at a second title.
        assert page.count("<h1") == 1
        # An item that follows a text without a blank line, or holds what is indented by three.
        assert not re.search(r"^([-*]|\d+\.) ", page, re.MULTILINE), path.name
