"""Whose output a folder is: a note beside its Parquet files, so that no run adds to another's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ros2_captioner.errors import OptionsError
from ros2_captioner.output_files import replace_file
from ros2_captioner.recordings.difference import differing

NOTE = "_run.json"  # readers of Parquet pass over names with an underscore
_REMEDY = "Give another --output, or delete the folder"


def claim(output: Path, run: Mapping[str, Any]) -> None:
    """Leave a note of whose output it is; refuse that of another run.

    A note without captions, as a run that found no source leaves it, binds nobody.

    Args:
        output: folder, which is there.
        run: what its captions follow from, as JSON.

    Raises:
        OptionsError: the folder holds Parquet files of another run, or of none of this command.
        OSError: names the note, which cannot be written.
    """
    note, text = output / NOTE, json.dumps(run)
    if not any(output.glob("*.parquet")):
        replace_file(note, text.encode())
        return
    if not note.exists():  # a file that is torn would be deleted
        raise OptionsError(
            f"{output} holds Parquet files of no run of this command; give another --output"
        )
    before = _read(note)
    if before != (present := json.loads(text)):
        theirs, ours = differing(before, present)
        raise OptionsError(
            f"{output} holds captions of a run with {theirs}; this one has {ours}. {_REMEDY}"
        )


def _read(note: Path) -> Any:
    try:
        return json.loads(note.read_bytes())
    except (ValueError, RecursionError) as error:
        raise OptionsError(
            f"{note} does not say of which run the captions are ({error}); expected JSON as this "
            f"command writes it. {_REMEDY}"
        ) from error
