"""Captions read back from where the commands put them."""

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings.rows import caption_rows, place, sureness

FRAME = {"recording": "drive", "camera": "/front", "time_ns": 2_500_000_000}


def test_json_lines_have_their_number(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"caption": "a"}\n{"caption": "b"}\n')
    assert list(caption_rows(file)) == [
        (f"{file}, line 1", {"caption": "a"}), (f"{file}, line 2", {"caption": "b"})
    ]  # fmt: skip


def test_parquet_of_a_fleet_is_pictures_and_frames_without_errors(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {"source": "a.jpg", "camera": None, "time_ns": None, "error": None, "caption": "a dog"},
        {"source": "drive", "camera": "/front", "time_ns": 5, "error": None, "caption": "a car"},
        {"source": "b.jpg", "camera": None, "time_ns": None, "error": "cut", "caption": None},
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tmp_path / "_run.json").write_text("{}")
    for given in (tmp_path, tmp_path / "a.parquet"):
        picture, frame = (row for _, row in caption_rows(given))
        assert (picture["picture"], picture["caption"]) == ("a.jpg", "a dog")
        assert (frame["recording"], frame["camera"], frame["time_ns"]) == ("drive", "/front", 5)


def test_what_is_no_parquet_is_named(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(OptionsError, match=r"a.parquet: found no caption"):
        list(caption_rows(tmp_path))


def test_places_and_how_sure_the_model_was():
    assert place(FRAME) == "drive  /front  1970-01-01T00:00:02.500+00:00"
    assert place({"picture": "a.jpg", "camera": None}) == "a.jpg"
    assert sureness({"score": -0.5}) == sureness({"score": -0.5, "confidence": None})
    assert sureness({"score": -0.5, "confidence": 0.834}) == "confidence 83%"
