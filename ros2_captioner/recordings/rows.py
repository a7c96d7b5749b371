"""Captions as the commands of this package write them: JSON lines, or Parquet of a fleet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

from ros2_captioner.errors import OptionsError

Row: TypeAlias = dict[str, Any]  # of a picture, or of a frame: recording, camera and time_ns


def caption_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """The captions of a file, or of a folder of Parquet files, each with its place there.

    Raises:
        OptionsError: a line is no JSON, or Parquet cannot be read.
        OSError: the file cannot be read.
    """
    if path.is_dir():
        for file in sorted(path.glob("*.parquet")):
            yield from _parquet(file)
    elif path.suffix == ".parquet":
        yield from _parquet(path)
    else:
        yield from _json_lines(path)


def place(row: Row) -> str:
    """Where a caption is from: the picture, or recording, camera and time (UTC)."""
    if "picture" in row:
        return str(row["picture"])
    time = datetime.fromtimestamp(row["time_ns"] // 10**6 / 1000, timezone.utc)
    return f"{row['recording']}  {row['camera']}  {time.isoformat(timespec='milliseconds')}"


def sureness(row: Row) -> str:
    """How sure the model was: its confidence, or the score where it is not calibrated."""
    sure = row.get("confidence")
    return f"score {row['score']}" if sure is None else f"confidence {sure:.0%}"


def _json_lines(path: Path) -> Iterator[tuple[str, Row]]:
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                yield f"{path}, line {number}", json.loads(line)
            except ValueError as error:
                raise no_caption(f"{path}, line {number}", error) from error


def no_caption(where: str, error: Exception) -> OptionsError:
    """The error about a row that is none."""
    return OptionsError(
        f"{where}: found no caption ({error!r}); expected JSON lines as caption_bag --format jsonl "
        "or caption --json write them, or Parquet of caption_fleet"
    )


def _parquet(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise OptionsError(
            f"{path} is read with pyarrow, which is not installed; type: pip install pyarrow"
        ) from error
    try:
        with ParquetFile(path) as table:
            for batch in table.iter_batches():
                for number, row in enumerate(batch.to_pylist(), 1):
                    if row["error"] is None:
                        yield f"{path}, row {number}", _of_fleet(row)
    except (ValueError, LookupError) as error:  # pyarrow's own are such
        raise no_caption(str(path), error) from error


def _of_fleet(row: Row) -> Row:
    source = row.pop("source")
    return {"picture" if row["camera"] is None else "recording": source, **row}
