"""Captions read back from where the commands put them."""

import json

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings import rows
from ros2_captioner.recordings.rows import caption_rows, place, sureness

FRAME = {"recording": "drive", "camera": "/front", "time_ns": 2_500_000_000}


def test_json_lines_have_their_number(tmp_path):
    file = tmp_path / "a.jsonl"
    rows = [{"caption": "a", "picture": "1"}, {"caption": "b", "picture": "2"}]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    expected = [(f"{file}, line {number}", row) for number, row in enumerate(rows, 1)]
    assert list(caption_rows(file)) == expected
    file.write_text(file.read_text(), encoding="utf-8-sig")  # with a byte order mark
    assert list(caption_rows(file)) == expected


@pytest.mark.parametrize("blank", ["\n", "  \t\r\n", "\ufeff\n"])
def test_blank_lines_are_passed_over_and_counted(blank, tmp_path):
    file, row = tmp_path / "a.jsonl", {"caption": "a", "picture": "1"}
    file.write_text(f"{blank}{json.dumps(row)}\n{blank}{json.dumps(row)}\n{blank}", "utf-8")
    assert list(caption_rows(file)) == [(f"{file}, line {number}", row) for number in (2, 4)]


GOOD = {"caption": "a dog", "picture": "a.png", "score": -0.5}
FRAME_OF_IT = {"caption": "a dog", "recording": "drive", "camera": "/front", "time_ns": 5}


@pytest.mark.parametrize(
    "row",
    [
        [],
        "caption",
        {"picture": "a"},
        {"caption": "a dog"},
        {**GOOD, "caption": None},
        {**GOOD, "picture": 5},
        {**GOOD, "score": {}},
        {**GOOD, "confidence": "no"},
        {**GOOD, "objects": 5},
        {**GOOD, "objects": [5]},
        {**GOOD, "objects": [{"word": "dog"}]},
        {**GOOD, "objects": [{"word": "dog", "probability": "high"}]},
        *({**FRAME_OF_IT, "time_ns": value} for value in ("x", 5.0, 1e30, 10**30, None)),
        {**FRAME_OF_IT, "camera": None},
    ],
    ids=repr,
)
def test_a_row_that_is_no_caption_is_named_in_a_line(row, tmp_path):
    (tmp_path / "bad.jsonl").write_text(f"{json.dumps(GOOD)}\n{json.dumps(row)}\n")
    with pytest.raises(OptionsError, match=r"bad.jsonl, line 2: .*expected JSON lines") as refused:
        list(caption_rows(tmp_path / "bad.jsonl"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"no json", b"\x89PNG\r\n\x1a\n" * 1000, b"[" * 100_000])
def test_a_file_that_is_no_json_is_named_in_a_short_line(content, tmp_path):
    (tmp_path / "bad.jsonl").write_bytes(content)
    with pytest.raises(OptionsError, match=r"bad.jsonl, line 1: .*expected JSON lines") as refused:
        list(caption_rows(tmp_path / "bad.jsonl"))
    assert len(str(refused.value)) < 500


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "_LONGEST_LINE", 100)
    (tmp_path / "long.jsonl").write_text(json.dumps({**GOOD, "caption": "a dog " * 50}))
    with pytest.raises(OptionsError, match=r"long.jsonl, line 1: found no caption"):
        list(caption_rows(tmp_path / "long.jsonl"))


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(OptionsError, match=r"cannot read .*none.jsonl: No such file.*expected"):
        list(caption_rows(tmp_path / "none.jsonl"))
    with pytest.raises(OptionsError, match="no Parquet file in .*caption_bag --format jsonl"):
        list(caption_rows(tmp_path))


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


def test_rows_of_a_long_parquet_file_are_numbered_through(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    row = {"source": "a.jpg", "camera": None, "time_ns": None, "error": None, "caption": "a dog"}
    table = pyarrow.Table.from_pylist([row] * 70_000)  # pyarrow reads 65,536 at a time
    parquet.write_table(table, tmp_path / "a.parquet")
    *_, (where, _) = caption_rows(tmp_path)
    assert where.endswith("a.parquet, row 70000")


def test_what_is_no_parquet_is_named(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(OptionsError, match=r"a.parquet: found no caption"):
        list(caption_rows(tmp_path))


def test_places_and_how_sure_the_model_was():
    assert place(FRAME) == "drive  /front  1970-01-01T00:00:02.500+00:00"
    late = {**FRAME, "time_ns": 1_700_000_000_123_999_999}
    assert place(late).endswith("2023-11-14T22:13:20.123+00:00")
    assert place({"picture": "a.jpg", "camera": None}) == "a.jpg"
    assert sureness({"score": -0.5}) == sureness({"score": -0.5, "confidence": None})
    assert sureness({"score": -0.5, "confidence": 0.834}) == "confidence 83%"
    assert sureness({"score": -0.5, "confidence": 0.9955}) == "confidence 99%"  # none is certain
    assert sureness({"score": -0.5, "confidence": 0.0}).startswith("confidence ")
