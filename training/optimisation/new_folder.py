"""The folder of a run that comes of other runs or of a bundle: there when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ros2_captioner.output_files import make_empty, unfinished
from training.config.settings import ConfigError


def refuse_existing(output: Path) -> None:
    """Never write over anything.

    Raises:
        ConfigError: there is something.
    """
    if os.path.lexists(output):
        raise ConfigError(f"{output} exists; choose another --output, or delete it")


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """A folder to write in, which becomes ``output`` at the end, and nothing if that fails."""
    beside = unfinished(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    make_empty(beside)
    try:
        yield beside
        os.replace(beside, output)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
