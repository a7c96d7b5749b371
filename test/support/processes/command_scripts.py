"""The executables of the package, run as a user runs them."""

import subprocess
import sys
from pathlib import Path

SCRIPTS = sorted((Path(__file__).parents[3] / "scripts").iterdir())


def run(script, *arguments):
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)
