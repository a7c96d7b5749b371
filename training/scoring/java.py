"""The Java programs of pycocoevalcap, run so that a broken one is an error and never a wait."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from training.scoring.errors import MetricsError

_START_S = 300  # METEOR reads its paraphrases first
_VERSION_S = 60
_LINE_S = 0.1
_INSTALL = "Type: sudo apt install default-jre-headless"


def has_java() -> bool:
    """Whether a Java is installed; `require_java` tells whether it works."""
    return shutil.which("java") is not None


def require_java() -> None:
    """Start Java once.

    Raises:
        MetricsError: it is missing or does not start.
    """
    if not has_java():
        raise MetricsError(
            "found no Java; the Penn Treebank tokeniser and METEOR need version 8 or later, SPICE "
            f"8 to 11. {_INSTALL}"
        )
    _run(["-version"], "", Path.cwd(), _VERSION_S)


def java_lines(arguments: Sequence[str], lines: Sequence[str], folder: Path) -> list[str]:
    """What a Java program prints, line by line, when it is given lines on its standard input.

    Args:
        arguments: of ``java``.
        lines: without line breaks.
        folder: to run in.

    Raises:
        MetricsError: it fails, or takes implausibly long.
    """
    text = "".join(f"{line}\n" for line in lines)
    output = _run(arguments, text, folder, _START_S + _LINE_S * len(lines))
    return output.removesuffix("\n").split("\n")


def _run(arguments: Sequence[str], text: str, folder: Path, limit_s: float) -> str:
    command = ["java", "-Dfile.encoding=UTF-8", *arguments]
    called = f"java {' '.join(arguments)}"
    try:
        done = subprocess.run(
            command, cwd=folder, input=text.encode(), capture_output=True, timeout=limit_s
        )
    except OSError as error:
        raise MetricsError(f"{called}: {error}. {_INSTALL}") from error
    except subprocess.TimeoutExpired as error:
        raise MetricsError(f"{called}: not finished after {limit_s:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        raise MetricsError(
            f"{called}: ended with status {done.returncode} and said {said[-1]!r}; expected a "
            f"working Java 8 or later. {_INSTALL}"
        )
    return done.stdout.decode(errors="replace")
