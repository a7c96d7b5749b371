"""Where a rosbag2 recording lies, and what is wrong with it that can be told without opening it."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from ros2_captioner.errors import OptionsError

METADATA = "metadata.yaml"
DATABASE = ".db3"
_URI = re.compile("[#?]|%[0-9A-Fa-f]{2}")
_ROS_1 = ".bag"
BAG_SUFFIXES = frozenset({".mcap", DATABASE, _ROS_1})
EXPECTED_BAG = f"expected a rosbag2 folder with {METADATA} and its mcap or sqlite3 files"


def bag_path(folder: str) -> Path:
    """The path of a bag, or of a file of one, as a user gave it.

    Raises:
        OptionsError: nothing is there, it is no bag, its name is no UTF-8, or rosbags would read
            another file or leave messages out.
    """
    if not folder:
        raise OptionsError(f"no bag was given; {EXPECTED_BAG}")
    path = Path(os.path.expanduser(folder))
    try:
        f"{folder}{Path(os.path.realpath(path)).name}".encode()
    except UnicodeEncodeError as error:  # it goes into tables and messages
        raise OptionsError(f"bag is {folder!r}; expected a folder whose name is UTF-8") from error
    if not path.exists():
        raise OptionsError(f"found nothing at {folder!r}; {EXPECTED_BAG}")
    if path.is_dir() and not (path / METADATA).is_file():
        raise OptionsError(
            f"{folder} has no {METADATA}; {EXPECTED_BAG}. Where it was lost, type: ros2 bag "
            f"reindex {shlex.quote(str(path))}"
        )
    if not path.is_dir() and path.suffix not in BAG_SUFFIXES:
        raise OptionsError(f"{folder} is no recording; {EXPECTED_BAG}")
    if path.suffix == _ROS_1 and path.is_file():
        raise OptionsError(
            f"{folder} is a bag of ROS 1; expected one of ROS 2, type: rosbags-convert --src "
            f"{shlex.quote(str(path))} --dst {shlex.quote(str(path.with_suffix('')))}"
        )
    for file in path.iterdir() if path.is_dir() else [path]:
        if file.suffix == DATABASE:
            check_database_name(file)
    _check_logs(path)
    return path


def check_database_name(file: Path) -> None:
    """Refuse a path by which rosbags, which puts it into a URI, would open another file.

    Raises:
        OptionsError: names it.
    """
    if found := _URI.search(str(file)):
        raise OptionsError(
            f"found {found[0]!r} in {str(file)!r}; expected a path of a sqlite3 bag without '#', "
            "'?' and '%' before two digits, as rosbags takes it for a URI"
        )


def _check_logs(path: Path) -> None:
    """After a crash the last messages may be in SQLite's log alone, which rosbags does not read."""
    logs = path.glob("*.db3-wal") if path.is_dir() else [path.with_name(f"{path.name}-wal")]
    for log in logs:
        if log.is_file() and log.stat().st_size:
            database = str(log).removesuffix("-wal")
            raise OptionsError(
                f"{log} holds messages that are not in the database yet; expected a bag without "
                f"it, type: sqlite3 {shlex.quote(database)} 'PRAGMA wal_checkpoint(TRUNCATE)'"
            )


def is_recording(path: Path) -> bool:
    """Whether a path is a bag, even one that lost its metadata, or a file of one."""
    files = path.iterdir() if path.is_dir() else [path]
    return any(file.name == METADATA or file.suffix in BAG_SUFFIXES for file in files)
