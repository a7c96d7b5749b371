"""What a fleet has to caption, cut into jobs that a worker reads in one go."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ros2_captioner.errors import OptionsError
from ros2_captioner.images.bag_path import BAG_SUFFIXES, METADATA
from ros2_captioner.images.files import IMAGE_SUFFIXES

# With those that are not read: each is told, where its absence would not be seen.
_PICTURE_SUFFIXES = IMAGE_SUFFIXES | {".avif", ".heic", ".heif", ".jp2", ".jxl", ".pam"}
_PICTURES = 64  # to a job, which is what a run that was stopped repeats at most


class FrameId(NamedTuple):
    """Names one frame of a fleet.

    Attributes:
        source: path of the bag or of the picture.
        camera: topic in the bag; None of a picture, and of a bag that cannot be read.
        time_ns: of recording; None likewise.
    """

    source: str
    camera: str | None = None
    time_ns: int | None = None


@dataclass(frozen=True)
class Job:
    """A bag, or some image files.

    Attributes:
        bag: path; empty if it is of pictures.
        pictures: paths.
        done: frames of the bag that need no caption any more.
    """

    bag: str = ""
    pictures: Sequence[str] = ()
    done: Collection[FrameId] = ()

    @property
    def sources(self) -> Sequence[str]:
        """Paths of what it reads."""
        return [self.bag] if self.bag else self.pictures

    def to_json(self) -> str:
        """The job as a line of JSON, to be sent to a worker."""
        return json.dumps({"bag": self.bag, "pictures": self.pictures, "done": list(self.done)})

    @classmethod
    def of_json(cls, line: str) -> Job:
        """The job of a line."""
        found = json.loads(line)
        done = frozenset(FrameId(*each) for each in found.pop("done"))
        return cls(**found, done=done)


def jobs(sources: Sequence[Path], done: Iterable[FrameId]) -> list[Job]:
    """The work that is left.

    Args:
        sources: bags, image files, and folders that hold either at any depth.
        done: frames that have their captions.

    Raises:
        OptionsError: a source is missing, holds neither bags nor pictures or a folder that may not
            be read, or a name is no UTF-8.
    """
    known: defaultdict[str, set[FrameId]] = defaultdict(set)
    for frame in done:
        known[frame.source].add(frame)
    is_bag: dict[str, bool] = {}
    walked: set[str] = set()
    for source in sources:
        if os.path.realpath(source) in walked:  # another spelling, or a folder in another source
            continue
        found = {str(path): bag for path, bag in _bags_and_pictures(source, walked)}
        if not found:
            raise OptionsError(
                f"found neither a bag nor a picture in {source}; expected a rosbag2 folder, an "
                "image file, or a folder of them"
            )
        is_bag |= found
    for path in is_bag:
        _check_name(path)
    left = (path for path in is_bag if not is_bag[path] and path not in known)
    return [
        *(Job(path, done=known[path]) for path in is_bag if is_bag[path]),
        *(Job(pictures=paths) for paths in _chunks(left)),
    ]


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:  # Parquet holds text
        raise OptionsError(f"found {path!r}; expected names that are UTF-8") from error


def _bags_and_pictures(source: Path, walked: set[str]) -> Iterator[tuple[Path, bool]]:
    """Paths in the order of their names, each with whether it is a bag.

    Folders are added to those already walked, by their real paths.
    """
    if not source.exists():
        return
    if not source.is_dir():
        yield from _file(source)
        return
    for folder, folders, files in os.walk(source, onerror=_refuse, followlinks=True):
        if (real := os.path.realpath(folder)) in walked:  # as a link to a folder above may lead to
            folders.clear()
            continue
        walked.add(real)
        if METADATA in files:
            folders.clear()
            yield Path(folder), True
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield from _file(Path(folder, name))


def _file(path: Path) -> Iterator[tuple[Path, bool]]:
    """A file of a bag counts by itself where the bag's metadata are not, as after a crash."""
    if path.is_fifo():  # which nobody may ever write to
        return
    if path.suffix in BAG_SUFFIXES:
        yield path, True
    elif path.suffix.lower() in _PICTURE_SUFFIXES:
        yield path, False


def _refuse(error: OSError) -> None:
    """By itself `os.walk` passes over what it cannot read, and nobody would miss its captions."""
    raise OptionsError(
        f"cannot read {error.filename}: {error.strerror}; expected folders that you may read"
    ) from error


def _chunks(paths: Iterator[str]) -> Iterator[tuple[str, ...]]:
    while chunk := tuple(islice(paths, _PICTURES)):
        yield chunk
