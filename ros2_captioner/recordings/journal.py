"""Captions on disk while a recording is worked on, so that a run that was killed goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ros2_captioner.errors import OptionsError
from ros2_captioner.output_files import writing
from ros2_captioner.recordings.difference import differing


class Moment(NamedTuple):
    """One captioned frame.

    Attributes:
        time_ns: of its recording, nanoseconds.
        detail: the JSON object of ``scene_caption/detail``.
    """

    time_ns: int
    detail: dict[str, Any]

    @property
    def camera(self) -> str:
        """Topic of the frame."""
        return str(self.detail["camera"])


class Journal:
    """A file with one batch of captions a line, behind a line that says whose they are.

    What a kill left of a line is dropped, so a batch is either whole or done again.

    Args:
        path: created if it is not there.
        run: recording, model and options; a journal of another run is refused.

    Attributes:
        path: as given.

    Raises:
        OptionsError: the file belongs to another run.
        OSError: names the file, which cannot be written.
    """

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        self.path = path
        self._head = json.dumps(run, sort_keys=True)
        with writing(path):
            _drop_torn_line(path)
            with open(path, "a+", encoding="utf-8", errors="backslashreplace") as stream:
                stream.seek(0)
                found = stream.readline().rstrip("\n")
                if not found:
                    stream.write(f"{self._head}\n")
        if found not in ("", self._head):
            before, present = differing(_parsed(found), json.loads(self._head))
            raise OptionsError(
                f"{path} holds captions of an interrupted run with {before}; this one has "
                f"{present}. Repeat that command to go on with it, or delete {path.parent}"
            )

    def batches(self) -> Iterator[list[Moment]]:
        """The batches so far, in their order.

        Raises:
            OptionsError: the file is damaged.
        """
        with open(self.path, "rb") as stream:
            next(stream)
            for number, line in enumerate(stream, 2):
                try:
                    batch = [Moment(*moment) for moment in json.loads(line)]
                except (ValueError, TypeError) as error:
                    raise OptionsError(
                        f"{self.path}, line {number}: found no captions ({error}); expected what "
                        f"the interrupted run wrote. Delete {self.path.parent} to begin again"
                    ) from error
                yield batch

    def moments(self) -> Iterator[Moment]:
        """The moments of all batches, errors as of `batches`."""
        for batch in self.batches():
            yield from batch

    def append(self, batch: Sequence[Moment]) -> None:
        """Add a batch.

        Raises:
            OSError: names the file, which cannot be written.
        """
        with writing(self.path), open(self.path, "a", encoding="utf-8") as stream:
            stream.write(f"{json.dumps(batch)}\n")


def _parsed(head: str) -> Any:
    try:
        return json.loads(head)
    except ValueError:
        return head


def _drop_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with open(path, "r+b") as stream:
        whole = 0
        for line in stream:
            if line.endswith(b"\n"):
                whole += len(line)
        stream.truncate(whole)
