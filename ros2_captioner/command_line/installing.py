"""What to type for a package from PyPI, so that nothing else on the machine changes its version."""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import version


def in_environment() -> bool:
    """Whether this Python has packages of its own, not those of the system."""
    return sys.prefix != sys.base_prefix


def pip_line(package: str, *, dependencies: bool = True) -> str:
    """The command that installs a package, as docs/install.md has it.

    Beside apt's packages it goes to the user's own folder, and numpy stays: apt's OpenCV and
    cv_bridge do not work with another one.

    Args:
        package: as pip takes it.
        dependencies: install what it needs, too.
    """
    words = [package] if dependencies else ["--no-deps", package]
    if in_environment():
        return f"pip install {shlex.join(words)}"
    if dependencies:
        words.insert(0, f"numpy=={version('numpy')}")
    return f"PIP_BREAK_SYSTEM_PACKAGES=1 pip3 install --user {shlex.join(words)}"
