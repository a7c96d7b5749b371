"""Captions found by words and by what they mean."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings import search
from ros2_captioner.recordings.search import CaptionIndex
from ros2_captioner.recordings.synonyms import meaning

CAPTIONS = [
    "a brown dog runs through the grass",
    "a man in a red shirt is climbing a rock",
    "two children play with a ball on the beach",
    "A Puppy jumps over a log",
    "a table with knives",
]


@pytest.fixture
def index(tmp_path):
    file = tmp_path / "captions.jsonl"
    rows = [{"picture": str(number), "caption": text} for number, text in enumerate(CAPTIONS)]
    rows.append(
        {"picture": "5", "caption": "a room", "objects": [{"word": "sofa", "probability": 0.9}]}
    )
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    index = CaptionIndex([file])
    yield index
    index.close()


def found(index, query, limit=10):
    return [int(hit.row["picture"]) for hit in index.find(query, limit)]


def test_the_words_themselves_come_before_their_synonyms(index):
    assert found(index, "a dog") == [0, 3]
    assert found(index, "puppies") == [3, 0]
    assert found(index, "the puppy")[0] == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("KIDS", 2),
        ("running hounds", 0),
        ("woman on a boulder", 1),
        ("couch", 5),
        ("leaping hounds", 3),
        ("logs", 3),
        ("DOG-like", 0),
        ("knife", 4),
        ("babies", 2),
    ],
)
def test_synonyms_forms_of_words_and_objects_are_found(query, expected, index):
    assert found(index, query)[0] == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("sprints", "run"),
        ("sofas", "couch"),
        ("benches", "benches"),
        ("couches", "couch"),
        ("leaping", "jump"),
        ("running", "run"),
        ("hopped", "jump"),
        ("hopping", "jump"),
        ("leaped", "jump"),
    ],
)
def test_forms_of_a_word_mean_the_same(word, expected):
    assert meaning(word) == expected


def test_the_limit_holds_and_nothing_is_found_for_other_words(index):
    assert len(found(index, "a dog or a ball", 1)) == 1
    assert found(index, "aeroplane") == []


@pytest.mark.parametrize("query", ["", "the a", '"" *'])
def test_a_query_without_a_telling_word_is_refused(query, index):
    with pytest.raises(OptionsError, match="found no word"):
        index.find(query, 10)


@pytest.mark.parametrize("query", ['dog" OR "x', "dog NEAR(", "words:dog", "dog*"])
def test_the_query_is_words_and_never_a_language(query, index):
    assert 0 in found(index, query)


def test_any_limit_is_a_limit(index):
    assert found(index, "dog", 10**30) == [0, 3]


def test_names_and_captions_need_not_be_text(tmp_path):
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/gr\xfcn.jsonl"))
    objects = [{"word": "\udcfc", "probability": 0.5}]
    row = {"picture": "gr\udcfcn.png", "caption": "a \ud800 dog", "objects": objects}
    file.write_text(json.dumps(row))
    (hit,) = CaptionIndex([file]).find("dog", 1)
    assert hit.row == row and hit.file == file


def test_what_sqlite_cannot_do_is_told(tmp_path, monkeypatch):
    file = tmp_path / "captions.jsonl"
    file.write_text(f"{json.dumps({'picture': '1', 'caption': 'a dog by a car'})}\n" * 5000)
    connect = sqlite3.connect

    def small(name):
        database = connect(name)
        database.execute("PRAGMA max_page_count = 20")  # as on a full disk
        return database

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(OptionsError, match="cannot search the captions: .*full; expected .*TMPDIR"):
        CaptionIndex([file])
    monkeypatch.setattr(search, "_SCHEMA", "CREATE VIRTUAL TABLE captions USING fts0(words)")
    with pytest.raises(OptionsError, match="no such module: fts0; expected one with .* FTS5"):
        CaptionIndex([file])
