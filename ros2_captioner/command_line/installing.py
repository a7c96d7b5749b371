"""What to type for a package from PyPI, so that nothing else on the machine changes its version.

And for what this one installed beside its code.
"""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path


def in_environment() -> bool:
    """Whether this Python has packages of its own, not those of the system."""
    return sys.prefix != sys.base_prefix


def share_file(name: str) -> str:
    """A file of the share folder, as a shell finds it.

    Where pip put it there may be no command ros2, as with ROS from wheels.
    """
    file = Path(sys.prefix, "share/ros2_captioner", name)
    if file.is_file():
        return shlex.quote(str(file))
    return f"$(ros2 pkg prefix --share ros2_captioner)/{name}"


def pip_line(package: str, *, dependencies: bool = True) -> str:
    """The command that installs a package, as docs/install.md has it.

    Beside apt's packages it goes to the user's own folder, and numpy stays, also where an
    environment takes that from apt: apt's OpenCV and cv_bridge do not work with another one.

    Args:
        package: as pip takes it.
        dependencies: install what it needs, too.
    """
    words = [package] if dependencies else ["--no-deps", package]
    if dependencies and not _has_numpy_of_its_own():
        words.insert(0, f"numpy=={version('numpy')}")
    pip = "pip install" if in_environment() else "PIP_BREAK_SYSTEM_PACKAGES=1 pip3 install --user"
    return f"{pip} {shlex.join(words)}"


def _has_numpy_of_its_own() -> bool:
    numpy = find_spec("numpy")
    return in_environment() and numpy is not None and str(numpy.origin).startswith(sys.prefix)
