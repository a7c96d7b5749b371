"""The steps of the pipeline, which run in Ray's processes: a job to frames, frames to captions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import caption_json
from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings.fleet.frames import FleetFrame, frames
from ros2_captioner.recordings.fleet.jobs import Job
from ros2_captioner.recordings.fleet.output import FOUND, ROWS

_FRAMES = pyarrow.schema({**FOUND, "pixels": pyarrow.binary()})


def read_frames(batch: dict[str, Any], *, folder: str, **how: Any) -> Iterator[pyarrow.Table]:
    """The frames of jobs, a table each.

    Args:
        batch: ``item`` holds the jobs as JSON.
        folder: that the run was started in.
        how: as of `ros2_captioner.recordings.fleet.frames.frames`.
    """
    _change_folder(folder)
    for job in batch["item"]:
        for frame in frames(Job.of_json(job), **how):
            yield pyarrow.Table.from_pylist([_row(frame)], schema=_FRAMES)


class Captions:
    """Captions tables of frames; a process makes it once, and with it loads the model.

    Args:
        load: loads the model.
        model: the digest that it must have, which says nothing of the search.
        search: the run's.
        folder: that the run was started in.
    """

    def __init__(
        self, load: Callable[[], Captioner], model: str, search: DecodingOptions, folder: str
    ) -> None:
        _change_folder(folder)
        self._captioner, self._search = load(), search
        if self._captioner.bundle.digest != model:
            raise OptionsError(
                f"this worker has model {self._captioner.bundle.digest}; expected {model}, as "
                "where the run was started"
            )

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        rows = batch.to_pylist()
        side = self._captioner.bundle.image_size
        if read := [row for row in rows if row["pixels"]]:
            pictures = [
                np.frombuffer(row["pixels"], np.uint8).reshape(side, side, 3) for row in read
            ]
            captions = self._captioner.caption(pictures, self._search).captions
            for row, caption in zip(read, captions, strict=True):
                row.update(caption_json(caption))
        return pyarrow.Table.from_pylist(rows, schema=ROWS)


def _row(frame: FleetFrame) -> dict[str, Any]:
    pixels = None if frame.pixels is None else frame.pixels.tobytes()
    return {**frame._asdict(), **frame.id._asdict(), "pixels": pixels}


def _change_folder(folder: str) -> None:
    """Where the run was started, as sources and model may be named from there.

    The processes of a cluster begin where that was started. A machine that lacks the folder finds
    what has an absolute path.
    """
    with suppress(OSError):
        os.chdir(folder)
