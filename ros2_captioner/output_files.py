"""Files that are written: checked before the work that they are for, and whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from ros2_captioner.errors import OptionsError

LOCK = "_lock"  # readers of Parquet pass over names with an underscore


def check_output(option: str, target: Path | str, others: Iterable[Path | str] = ()) -> None:
    """Refuse an output file that cannot be written, or that would destroy what must stay.

    Args:
        option: as typed, for messages.
        target: the file.
        others: what the command reads and what else it writes; need not be there.

    Raises:
        OptionsError: says what was found and what was expected.
    """
    path = Path(target)
    if os.path.isdir(target) or not path.name:
        raise OptionsError(f"{option}: {str(target)!r} is a folder; expected a file to write")
    if not path.parent.is_dir():
        raise OptionsError(
            f"{option}: found no folder {path.parent}; expected one, type: mkdir -p "
            + shlex.quote(str(path.parent))
        )
    longest = os.pathconf(path.parent, "PC_NAME_MAX") - len(unfinished(Path()).name)
    if len(os.fsencode(path.name)) > longest:
        raise OptionsError(
            f"{option}: the name {path.name[:20]!r}... has {len(os.fsencode(path.name))} bytes; "
            f"expected at most {longest}"
        )
    if not all(os.access(each, os.W_OK) for each in _needed(path)):
        raise OptionsError(
            f"{option}: {path} may not be written; expected a file and a folder that you may"
        )
    for other in others:
        if _same(path, Path(other)):
            raise OptionsError(
                f"{option}: {path} is the same file as {other}, which would be lost; expected "
                "another one"
            )


def unfinished(target: Path) -> Path:
    """Where an output is written until it is whole, beside where it belongs."""
    return target.parent / f".{target.name}.partial"


def make_empty(folder: Path) -> None:
    """Make a folder to write in, without what a run that was killed has left there."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()


def _needed(path: Path) -> list[Path]:
    """What must be writable: the folder, where a new file takes the old one's place, and the file.

    A device or a pipe is written itself, and what the standard output goes to is open already.
    """
    if _standard_stream(path) is not None:
        return []
    if path.exists() and not path.is_file():
        return [path]
    final = Path(os.path.realpath(path))
    return [final.parent, *([final] if final.exists() else [])]


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        # What is written to a device or a pipe overwrites nothing.
        return one.is_file() and os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


@contextmanager
def writing(target: Path | str) -> Iterator[None]:
    """Name the file where writing it fails.

    Raises:
        OSError: names the file as it was typed.
    """
    try:
        yield
    except OSError as error:
        raise OSError(
            f"cannot write {target}: {error.strerror or error}; expected a file that you may "
            "write, and room for it"
        ) from error


@contextmanager
def only_writer(folder: Path, output: Path) -> Iterator[None]:
    """Keep other runs out of a folder that one run alone may write.

    The kernel drops the lock with the process, however that ends. Where a file system has no locks,
    nobody is kept out.

    Args:
        folder: which is there; holds a file `LOCK` meanwhile.
        output: as typed, for messages.

    Raises:
        OptionsError: another run is writing it.
        OSError: names the lock's file, which cannot be written.
    """
    file = folder / LOCK
    with ExitStack() as held:
        with writing(file):
            stream = held.enter_context(open(file, "ab"))
        if not _lock(stream, file):
            raise OptionsError(
                f"another run is writing {output}; wait for it, or give another --output"
            )
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def _lock(stream: IO[bytes], file: Path) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # as of some network file systems
        return True
    try:  # the run that held it may have deleted it since it was opened
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(file))
    except FileNotFoundError:
        return False


def replace_file(target: Path, content: bytes) -> None:
    """Write a file whole or not at all: what was there stays until the new one is complete.

    Raises:
        OSError: names the file.
    """
    with writing(target):
        if (number := _standard_stream(target)) is not None:
            # As after `--vtt /dev/stdout >> log`: the file has more than this, and may get more.
            sys.stdout.flush()
            with open(number, "wb", closefd=False) as stream:
                stream.write(content)
            return
        if target.exists() and not target.is_file():  # a device or a pipe stays what it is
            target.write_bytes(content)
            return
        final = Path(os.path.realpath(target))
        beside = unfinished(final)
        try:
            beside.write_bytes(content)
            if final.exists():  # one that others may not read stays so
                shutil.copymode(final, beside)
            os.replace(beside, final)
        finally:
            beside.unlink(missing_ok=True)


def _standard_stream(path: Path) -> int | None:
    """Number of the output stream of this process that goes to a file, a device or a pipe."""
    for number in (1, 2):
        with suppress(OSError):  # the stream is closed, or the file is not there yet
            if os.path.samestat(os.fstat(number), os.stat(path)):
                return number
    return None
