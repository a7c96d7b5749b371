"""COCO and Karpathy JSON as it is found: other encodings, repeated and broken entries."""

import json

import pytest

from training.config.settings import ConfigError
from training.data.annotations import read_listing


def coco(image=(), annotation=(), **more):
    return {
        "images": [{"id": 7, "file_name": "a.jpg", **dict(image)}],
        "annotations": [{"image_id": 7, "caption": "A dog.", **dict(annotation)}],
        **more,
    }


def karpathy(**changes):
    image = {"filename": "a.jpg", "split": "val", "sentences": [{"raw": "A dog."}]}
    return {"images": [image | changes]}


@pytest.fixture
def listing(tmp_path):
    """Writes a tree and reads it."""

    def write_and_read(tree, split="val", encoding="utf-8"):
        file = tmp_path / "captions.json"
        file.write_text(json.dumps(tree, ensure_ascii=False), encoding, "surrogatepass")
        return read_listing(file, split)

    return write_and_read


@pytest.mark.parametrize("tree", [coco(), karpathy(), karpathy(filepath="")])
def test_both_formats(listing, tree):
    assert listing(tree).images == [("a.jpg", ["A dog."])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings_are_told_apart(listing, encoding):
    found = listing(coco(annotation={"caption": "Ein Café."}), encoding=encoding)
    assert found.images == [("a.jpg", ["Ein Café."])]


def test_a_path_has_one_spelling(listing):
    for tree in (coco(image={"file_name": "./val//a.jpg"}), karpathy(filepath="val")):
        assert listing(tree).images == [("val/a.jpg", ["A dog."])]


def test_entries_are_kept_as_they_are_listed(listing):
    """Some list an image under several ids, so that an epoch shows it as often."""
    images = [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "a.jpg"}]
    annotations = [{"image_id": 7, "caption": "A dog."}, {"image_id": 8, "caption": "B."}]
    found = listing({"images": images, "annotations": annotations})
    assert found.images == [("a.jpg", ["A dog."]), ("a.jpg", ["B."])]


def test_a_caption_given_twice_of_an_image_stays(listing):
    found = listing({**coco(), "annotations": 2 * coco()["annotations"]})
    assert found.images == [("a.jpg", ["A dog.", "A dog."])]


def test_captions_of_no_listed_image_are_orphans(listing):
    found = listing({**coco(), "images": []})
    assert not found.images and found.orphans == ["A dog."]


@pytest.mark.parametrize(
    ("tree", "match"),
    [
        (coco(annotation={"caption": None}), r"annotations[0].caption: found null; expected text"),
        (coco(annotation={"caption": 3}), "annotations[0].caption: found 3; expected text"),
        (coco(annotation={"caption": float("nan")}), "caption: found NaN; expected text"),
        (coco(annotation={"caption": {"text": "a"}}), 'caption: found {"text": "a"}; expected'),
        (coco(annotation={"caption": ["a" * 99]}), "a...; expected text"),
        (
            coco(annotation={"image_id": None}),
            "image_id: found null; expected a whole number",
        ),
        (coco(annotation={"image_id": [7]}), "image_id: found [7]; expected a whole number"),
        (coco(annotation={"image_id": 7.0}), "image_id: found 7.0; expected a whole number"),
        (coco(image={"id": True}), "images[0].id: found true; expected a whole number"),
        (coco(image={"file_name": None}), "images[0].file_name: found null; expected text"),
        (coco(image={"file_name": ""}), 'file_name: found ""; expected the name of a file below'),
        (coco(image={"file_name": "/etc/passwd"}), "expected the name of a file below"),
        (coco(image={"file_name": "../a.jpg"}), "expected the name of a file below"),
        (coco(image={"file_name": "a\0.jpg"}), "expected a name that a file can have"),
        (coco(image={"file_name": "\ud800.jpg"}), "expected a name that a file can have"),
        (coco(image={"file_name": "a" * 300}), "expected a name that a file can have"),
        (coco(image={"file_name": "a/" * 3000 + "b"}), "expected a name that a file can have"),
        ({**coco(), "images": 3}, "found the keys"),
        ({**coco(), "images": [3]}, "images[0]: found 3; expected an object"),
        ({**coco(), "annotations": {}}, "annotations: found {}; expected a list"),
        ({**coco(), "annotations": [None]}, "annotations[0]: found null; expected an object"),
        (
            {**coco(), "images": [{"id": 7, "file_name": name} for name in ("a.jpg", "b.jpg")]},
            "images[1].id: found 7; expected an id of its own, this is that of a.jpg",
        ),
        (karpathy(split="validation"), 'images[0].split: found "validation"; expected one of'),
        (karpathy(sentences=None), "images[0].sentences: found null; expected a list"),
        (karpathy(sentences=["A dog."]), 'sentences[0]: found "A dog."; expected an object'),
        (karpathy(sentences=[{"tokens": []}]), "found the keys ['tokens'] without 'raw'"),
        (karpathy(filename="/a.jpg"), 'images[0].filename: found "/a.jpg"; expected the name'),
        (karpathy(filepath=".."), "expected the name of a file below"),
        ({"images": [None, *karpathy()["images"]]}, "images[0]: found null; expected an object"),
        ([], "found a list; expected COCO captions"),
        ({"images": []}, "found the keys ['images']; expected COCO captions"),
    ],
)
def test_a_fault_names_the_entry(listing, tree, match):
    with pytest.raises(ConfigError) as caught:
        listing(tree)
    assert match in str(caught.value) and "captions.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"{", b"[" * 200_000, b"1" * 9999, b"\xff\xfe{"])
def test_what_is_no_json_is_one_line(tmp_path, raw):
    (tmp_path / "captions.json").write_bytes(raw)
    with pytest.raises(ConfigError, match=r"captions\.json"):
        read_listing(tmp_path / "captions.json", "val")
