"""COCO captions JSON, Karpathy splits and vocabularies."""

import json

import pytest

from training.config.settings import ConfigError
from training.data.captions import captioned


def write(folder, tree):
    """The file, and the folder of its images."""
    file = folder / "captions.json"
    file.write_text(json.dumps(tree))
    return file, folder


COCO = {
    "images": [{"id": 7, "file_name": "a.jpg"}],
    "annotations": [{"image_id": 7, "caption": "One."}, {"image_id": 7, "caption": "two two"}],
}


def test_coco(tmp_path):
    (image,) = captioned(*write(tmp_path, COCO), "train")
    assert image.path == tmp_path / "a.jpg" and image.captions == ("One.", "two two")


def test_karpathy_trains_on_restval_too(tmp_path):
    images = [
        {"filename": f"{split}.jpg", "split": split, "sentences": [{"raw": split}]}
        for split in ("train", "restval", "val", "test")
    ]
    written = write(tmp_path, {"images": images})
    assert [p.captions[0] for p in captioned(*written, "train")] == ["train", "restval"]
    assert [p.captions[0] for p in captioned(*written, "val")] == ["val"]


@pytest.mark.parametrize(
    ("tree", "match"),
    [
        ({"other": 1}, "found the keys"),
        ({**COCO, "annotations": [{"image_id": 7, "bbox": [0, 0, 9, 9]}]}, "without 'caption'"),
        ({"images": [], "annotations": []}, "no images"),
        ({**COCO, "annotations": []}, r"1 images have no caption, e.g. 'a.jpg'; type python -m"),
        (
            {**COCO, "annotations": [{"image_id": 7, "caption": text} for text in ("a", " ... ")]},
            r"1 captions have no word, e.g. ' ... '; type python -m training.prepare",
        ),
    ],
)
def test_unusable_data_is_named(tmp_path, tree, match):
    with pytest.raises(ConfigError, match=match):
        captioned(*write(tmp_path, tree), "train")
