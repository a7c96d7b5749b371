"""The folder of a new bundle: written beside the old one, and put in its place when it is whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ros2_captioner.bundle import MANIFEST
from ros2_captioner.bundle.signatures import signature_file
from ros2_captioner.output_files import make_empty, only_writer, unfinished
from training.bundle.model_card import CARD
from training.config.settings import ConfigError


@contextmanager
def work_folder(output: Path) -> Iterator[Path]:
    """A folder beside the output, empty whatever an export has left there that was killed."""
    beside = unfinished(output)
    beside.mkdir(exist_ok=True)
    work = beside / output.name
    try:
        with only_writer(beside, output):
            make_empty(work)
            try:
                yield work
            finally:
                shutil.rmtree(work)
    finally:
        with suppress(OSError):  # another export has begun in it
            beside.rmdir()


def refuse_to_replace(output: Path) -> None:
    """Only an old bundle, with nothing else in it, or an empty folder may be replaced.

    Raises:
        ConfigError: ``output`` is anything else.
    """
    if not os.path.lexists(output) or (output.is_dir() and not any(output.iterdir())):
        return
    # A bundle has no folders; what they hold is not its own.
    held = {path.name + "/" * path.is_dir() for path in output.iterdir()} if output.is_dir() else ()
    found = set(held) or {output.name}
    others = sorted(found - _bundle_files(output))
    if others:
        raise ConfigError(
            f"{output} is no bundle alone: found {others[0]!r} there; expected a new folder, or a "
            "bundle to replace: choose another --output"
        )


def _bundle_files(folder: Path) -> set[str]:
    """Names of the files that a bundle has; of what is none, nothing."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = manifest["schema"] and manifest["variants"] and manifest["files"]
        return {MANIFEST, signature_file(folder / MANIFEST).name, CARD, *files}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def replace_bundle(output: Path, work: Path) -> None:
    """Move a bundle's files from the work folder to the output, which may be a mounted folder.

    The old manifest goes first and the new one comes last: without it, a half is no bundle. What
    somebody else has put there since the export began stays.
    """
    output.mkdir(exist_ok=True)
    old = _bundle_files(output)
    for file in sorted(output.iterdir(), key=lambda file: file.name != MANIFEST):
        if file.name in old:
            file.unlink(missing_ok=True)
    for file in sorted(work.iterdir(), key=lambda file: file.name == MANIFEST):
        shutil.move(file, output / file.name)
