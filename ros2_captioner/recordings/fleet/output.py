"""What a fleet has captioned: Parquet files, with a row for each frame or for what was wrong."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet

from ros2_captioner.errors import OptionsError
from ros2_captioner.output_files import replace_file
from ros2_captioner.recordings.fleet.jobs import FrameId

FOUND = {
    "source": pyarrow.string(),
    "camera": pyarrow.string(),
    "time_ns": pyarrow.int64(),
    "stamp_ns": pyarrow.int64(),
    "frame_id": pyarrow.string(),
    "error": pyarrow.string(),
}
_OBJECT = pyarrow.struct({"word": pyarrow.string(), "probability": pyarrow.float64()})
ROWS = pyarrow.schema(
    {
        **FOUND,
        "caption": pyarrow.string(),
        "score": pyarrow.float64(),
        "confidence": pyarrow.float64(),
        "objects": pyarrow.list_(_OBJECT),
    }
)


class Outcome(NamedTuple):
    """What the output holds.

    Attributes:
        captions: how many.
        errors: what is wrong with each picture or bag that was passed over, in words.
    """

    captions: int
    errors: list[str]


def captioned(folder: Path) -> Iterator[FrameId]:
    """The frames that have their captions; a file that a kill cut short is deleted.

    Raises:
        OptionsError: a file is whole, but none of this command.
    """
    needed = [*FrameId._fields, "error"]
    for file in _files(folder):
        try:
            names = pyarrow.parquet.read_schema(file).names
        except pyarrow.ArrowInvalid:
            file.unlink()
            continue
        if missing := [name for name in needed if name not in names]:
            raise OptionsError(
                f"{file} has no {missing[0]}; expected files of this command alone. Move it"
            )
        rows = _columns(file, needed)
        yield from (FrameId(**row) for row in rows if row.pop("error") is None)


def forget_errors(folder: Path, sources: Collection[str]) -> None:
    """Take away the errors of sources that are tried again."""
    for file in _files(folder):
        rows = _columns(file, ["source", "error"])
        kept = [row["error"] is None or row["source"] not in sources for row in rows]
        if not any(kept):
            file.unlink()
        elif not all(kept):
            content = io.BytesIO()
            table = pyarrow.parquet.ParquetFile(file).read()
            pyarrow.parquet.write_table(table.filter(pyarrow.array(kept)), content)
            replace_file(file, content.getvalue())


def outcome(folder: Path) -> Outcome:
    """Of all runs so far."""
    found = [_columns(file, ["error"]) for file in _files(folder)]
    errors = [row["error"] for rows in found for row in rows if row["error"]]
    return Outcome(sum(map(len, found)) - len(errors), errors)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def _columns(file: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(file, columns=list(names)).to_pylist()
    return rows
