"""Whose output a folder is."""

import json

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings.fleet.claim import NOTE, claim

SEARCH = {"beam_width": 3, "never_last": ["a", "the"]}
RUN = {"model": "abc", "precision": "int8", "search": SEARCH, "every_s": 1.0}


@pytest.fixture
def output(tmp_path):
    """With captions of `RUN`."""
    claim(tmp_path, RUN)
    (tmp_path / "a.parquet").touch()
    return tmp_path


def test_the_same_run_goes_on(output):
    claim(output, RUN)
    claim(output, {**RUN, "search": {**SEARCH, "never_last": ("a", "the")}})
    assert json.loads((output / NOTE).read_bytes()) == RUN


def test_another_run_is_refused(output):
    with pytest.raises(OptionsError, match=r"'int8'.* this one has .*'float16'.*another --output"):
        claim(output, {**RUN, "precision": "float16"})
    assert json.loads((output / NOTE).read_bytes()) == RUN


def test_a_note_without_captions_binds_nobody(tmp_path):
    claim(tmp_path, RUN)
    other = {**RUN, "every_s": 2.0}
    claim(tmp_path, other)
    assert json.loads((tmp_path / NOTE).read_bytes()) == other
    (tmp_path / NOTE).write_bytes(b"")
    claim(tmp_path, RUN)


@pytest.mark.parametrize("content", [b"", b'{"model', b"\xff\xfe", b"[" * 100_000])
def test_a_note_that_is_no_json_is_named(output, content):
    (output / NOTE).write_bytes(content)
    with pytest.raises(OptionsError, match=f"{NOTE} does not say .*expected JSON.*--output"):
        claim(output, RUN)


def test_parquet_without_a_note_is_left_alone(tmp_path):
    (tmp_path / "mine.parquet").touch()
    with pytest.raises(OptionsError, match="no run of this command"):
        claim(tmp_path, RUN)
    assert not (tmp_path / NOTE).exists()


def test_a_note_is_whole_or_not_there(tmp_path, monkeypatch):
    """Cut in the middle of the writing, as by a kill."""

    def cut(path, content):
        with open(path, "wb") as stream:
            stream.write(content[:5])
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.write_bytes", cut)
    with pytest.raises(KeyboardInterrupt):
        claim(tmp_path, RUN)
    assert not (tmp_path / NOTE).exists()
