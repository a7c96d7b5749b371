"""Captions as the commands of this package write them: JSON lines, or Parquet of a fleet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

from ros2_captioner.captions import in_percent
from ros2_captioner.command_line.installing import pip_line
from ros2_captioner.errors import OptionsError, described

Row: TypeAlias = dict[str, Any]  # of a picture, or of a frame: recording, camera and time_ns
_LONGEST_LINE = 2**24  # bytes; captions have thousands
_NUMBER = (int, float, type(None))
_KINDS: dict[str, Any] = {"caption": str, "score": _NUMBER, "confidence": _NUMBER}
_OF_PICTURES: dict[str, Any] = {"picture": str}
_OF_FRAMES: dict[str, Any] = {"recording": str, "camera": str, "time_ns": int}


def caption_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """The captions of a file, or of a folder of Parquet files, each with its place there.

    Raises:
        OptionsError: a row is no caption, or a file cannot be read.
    """
    try:
        for where, row in _rows(path):
            try:
                _check(row)
            except (LookupError, TypeError, ValueError, OverflowError, OSError) as error:
                raise _no_caption(where, error) from error
            yield where, row
    except OSError as error:
        raise OptionsError(
            f"cannot read {path}: {error.strerror or error}; expected captions as caption_bag "
            "--format jsonl, caption --json or caption_fleet write them"
        ) from error


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    if not path.is_dir():
        yield from (_parquet if path.suffix == ".parquet" else _json_lines)(path)
        return
    files = sorted(path.glob("*.parquet"))
    if not files:
        raise OptionsError(
            f"found no Parquet file in {path}; expected the folder of caption_fleet, or a file "
            "that caption_bag --format jsonl or caption --json wrote"
        )
    for file in files:
        yield from _parquet(file)


def _check(row: Any) -> None:
    """Refuse what is no caption: errors of the kinds that wrong values give.

    Raises:
        TypeError: a value is of another type.
        LookupError: one is missing.
        ValueError: there is no such time; also OverflowError and OSError.
    """
    if not isinstance(row, dict):
        raise TypeError(f"found {row!r:.60}")
    placed = _OF_PICTURES if "picture" in row else _OF_FRAMES
    _check_kinds({"score": None, "confidence": None, **row}, {**_KINDS, **placed})
    for seen in row.get("objects", ()):
        _check_kinds(seen, {"word": str, "probability": (int, float)})
    place(row)


def _check_kinds(row: Row, kinds: dict[str, Any]) -> None:
    for name, kind in kinds.items():
        if not isinstance(row[name], kind):
            raise TypeError(f"{name} is {row[name]!r:.60}")


def place(row: Row) -> str:
    """Where a caption is from: the picture, or recording, camera and time (UTC)."""
    if "picture" in row:
        return str(row["picture"])
    time = datetime.fromtimestamp(row["time_ns"] // 10**6 / 1000, timezone.utc)
    return f"{row['recording']}  {row['camera']}  {time.isoformat(timespec='milliseconds')}"


def sureness(row: Row) -> str:
    """How sure the model was: its confidence, or the score where it is not calibrated."""
    sure = row.get("confidence")
    return f"score {row.get('score')}" if sure is None else f"confidence {in_percent(sure)}"


def _json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    with open(path, "rb") as stream:
        # A file without line breaks, such as a device, would fill the memory.
        lines = iter(lambda: stream.readline(_LONGEST_LINE), b"")
        for number, line in enumerate(lines, 1):
            try:
                # With a byte order mark, as some editors put it before the first.
                text = line.decode("utf-8-sig")
                if not text.strip():
                    continue
                row = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise _no_caption(f"{path}, line {number}", error) from error
            yield f"{path}, line {number}", row


def _no_caption(where: str, error: Exception) -> OptionsError:
    """The error about a row that is none."""
    return OptionsError(
        f"{where}: found no caption ({' '.join(described(error).split())}); expected JSON lines as "
        "caption_bag --format jsonl or caption --json write them, or Parquet of caption_fleet"
    )


def _parquet(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise OptionsError(
            f"{path} is read with pyarrow, which is not installed; type: {pip_line('pyarrow')}"
        ) from error
    try:
        with ParquetFile(path) as table:
            rows = (row for batch in table.iter_batches() for row in batch.to_pylist())
            for number, row in enumerate(rows, 1):
                if row["error"] is None:
                    yield f"{path}, row {number}", _of_fleet(row)
    except (ValueError, LookupError, TypeError) as error:  # pyarrow's own are such
        raise _no_caption(str(path), error) from error


def _of_fleet(row: Row) -> Row:
    source = row.pop("source")
    return {"picture" if row["camera"] is None else "recording": source, **row}
