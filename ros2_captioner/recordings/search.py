"""Search in captions: BM25 over their words and what they mean, by SQLite's full-text index."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings.rows import Row, caption_rows
from ros2_captioner.recordings.synonyms import meaning

_WORD = re.compile(r"\w+")
_STOP_WORDS = frozenset(
    {"a", "an", "and", "are", "at", "in", "is", "it", "its", "of", "on", "or", "the", "their",
     "there", "to", "with"}
)  # fmt: skip
# Columns: the words themselves, what they mean, and the objects that the model saw.
_SCHEMA = (
    "CREATE VIRTUAL TABLE captions USING fts5"
    "(words, meanings, objects, row UNINDEXED, file UNINDEXED, tokenize='porter unicode61')"
)
_RANKED = (
    "SELECT row, file FROM captions WHERE captions MATCH ? "
    "ORDER BY bm25(captions, 1.0, 0.7, 0.7), rowid LIMIT ?"
)


class Hit(NamedTuple):
    """A moment that was found.

    Attributes:
        row: its caption.
        file: that holds it.
    """

    row: Row
    file: Path


class CaptionIndex:
    """Captions of files, see `ros2_captioner.recordings.rows.caption_rows`.

    The index is on disk, in a temporary file, where captions are many.

    Args:
        files: JSON lines, Parquet, or folders of Parquet files.

    Raises:
        OptionsError: a row is no caption, a file cannot be read, or SQLite makes no index.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        with _sqlite_errors():
            self._database = sqlite3.connect("")
            self._database.execute(_SCHEMA)
        self._files: list[Path] = []
        for file in files:
            self._add(file)

    def find(self, query: str, limit: int) -> list[Hit]:
        """The moments that fit a query best.

        Args:
            query: words.
            limit: how many at most, 1 or more.

        Raises:
            OptionsError: the query has no word that tells moments apart, or SQLite fails.
        """
        words = _words(query)
        if not words:
            raise OptionsError(f"found no word to look for in {query!r}; expected, say, 'red car'")
        exact = " OR ".join(f'"{word}"' for word in words)
        meant = " OR ".join(f'"{word}"' for word in dict.fromkeys(map(meaning, words)))
        match = f"words : ({exact}) OR {{meanings objects}} : ({meant})"
        with _sqlite_errors():
            found = self._database.execute(_RANKED, (match, min(limit, sys.maxsize))).fetchall()
        return [Hit(json.loads(row), self._files[file]) for row, file in found]

    def close(self) -> None:
        """Drop the index."""
        self._database.close()

    def _add(self, file: Path) -> None:
        self._files.append(file)
        number = len(self._files) - 1  # its name need not be text
        with _sqlite_errors():
            for _, row in caption_rows(file):
                entry = (*_entry(row), json.dumps(row), number)
                self._database.execute("INSERT INTO captions VALUES (?, ?, ?, ?, ?)", entry)


@contextmanager
def _sqlite_errors() -> Iterator[None]:
    """Raise what fails in SQLite as an error of this package."""
    try:
        yield
    except sqlite3.Error as error:
        raise OptionsError(
            f"SQLite {sqlite3.sqlite_version} cannot search the captions: {error}; expected one "
            "with the full-text index FTS5, and room for its temporary file: look at TMPDIR"
        ) from error


def _entry(row: Row) -> tuple[str, str, str]:
    # Half a surrogate pair is no text for SQLite, though JSON may hold it.
    caption: str = row["caption"].lower().encode(errors="replace").decode()
    objects = [each["word"] for each in row.get("objects", ())]
    return caption, _meanings(_WORD.findall(caption)), _meanings(objects)


def _meanings(words: Sequence[str]) -> str:
    return " ".join(map(meaning, words)).encode(errors="replace").decode()


def _words(query: str) -> list[str]:
    return [word for word in _WORD.findall(query.lower()) if word not in _STOP_WORDS]
