"""The files of a fleet: what has its caption, what is tried again, what is none of theirs."""

import pytest

pytest.importorskip("pyarrow")
import pyarrow
import pyarrow.parquet

from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings.fleet.jobs import FrameId
from ros2_captioner.recordings.fleet.output import (
    ROWS,
    Outcome,
    captioned,
    forget_errors,
    outcome,
)


def write(file, *rows):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema=ROWS), file)


def seen(source, error=None):
    return {"source": source, "camera": "", "time_ns": 0, "error": error}


def test_what_has_an_error_has_no_caption(tmp_path):
    write(tmp_path / "0.parquet", seen("a.png"), seen("b.png", "b.png is empty"))
    assert list(captioned(tmp_path)) == [FrameId("a.png", "", 0)]
    assert outcome(tmp_path) == Outcome(1, ["b.png is empty"])


def test_errors_of_sources_that_are_tried_again_are_forgotten_alone(tmp_path):
    write(tmp_path / "0.parquet", seen("a.png"), seen("b.png", "x"), seen("c.png", "y"))
    write(tmp_path / "1.parquet", seen("b.png", "x"))
    forget_errors(tmp_path, {"a.png", "b.png"})
    assert outcome(tmp_path) == Outcome(1, ["y"])
    assert [file.name for file in tmp_path.iterdir()] == ["0.parquet"]
    assert pyarrow.parquet.read_schema(tmp_path / "0.parquet") == ROWS


def test_a_file_that_was_cut_short_is_captioned_again(tmp_path):
    write(tmp_path / "0.parquet", seen("a.png"))
    (tmp_path / "1.parquet").write_bytes((tmp_path / "0.parquet").read_bytes()[:-9])
    assert list(captioned(tmp_path)) == [FrameId("a.png", "", 0)]
    assert not (tmp_path / "1.parquet").exists()


def test_a_file_of_something_else_is_told_and_kept(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"x": [1]}), tmp_path / "mine.parquet")
    with pytest.raises(OptionsError, match="mine.parquet has no source; expected files of this"):
        list(captioned(tmp_path))
    assert (tmp_path / "mine.parquet").exists()
