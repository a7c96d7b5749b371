"""How often a person's sentence finds its image."""

import json

import pytest

from benchmarks.search import main

CAPTIONS = {"a.jpg": "a dog runs in the grass", "b.jpg": "a red car", "c.jpg": "a white boat"}
SENTENCES = {"a.jpg": ["a puppy in a field", "grass"], "b.jpg": ["two cows"], "c.jpg": []}


@pytest.fixture
def files(tmp_path):
    captions, annotations = tmp_path / "captions.jsonl", tmp_path / "annotations.json"
    rows = [{"picture": f"images/{name}", "caption": text} for name, text in CAPTIONS.items()]
    captions.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    said = {
        "images": [{"id": name, "file_name": name} for name in SENTENCES],
        "annotations": [
            {"image_id": name, "caption": text}
            for name, texts in SENTENCES.items()
            for text in texts
        ],
    }
    annotations.write_text(json.dumps(said))
    return captions, annotations


def test_sentences_that_find_their_image_are_counted(files, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.search._FIRST", 1)
    assert main([*map(str, files), "--images", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "3 sentences: caption_find 2, word overlap 2"
    ]


@pytest.mark.parametrize("place", [0, 1])
def test_a_file_that_is_not_there_is_one_line(files, place, tmp_path, capsys):
    given = [*map(str, files)]
    given[place] = str(tmp_path / "nowhere")
    assert main(given) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: cannot read ") and "nowhere" in said and said.count("\n") == 1


def test_an_image_without_a_caption_is_named(files, capsys):
    files[0].write_text(files[0].read_text().partition("\n")[0])
    assert main([*map(str, files)]) == 2
    assert "no caption of 1 images in" in capsys.readouterr().err
