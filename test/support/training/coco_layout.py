"""COCO as it is downloaded, with a few images: archives, Karpathy's JSON, files of 2017."""

import json
import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
from tiny import ROOT

COCO = Path(os.environ.get("COCO", ROOT.parent / "shared/data/coco"))
SPLITS = {"train": 12, "restval": 4, "val": 6, "test": 2}
BROKEN, REPEATED = "COCO_train2014_000000000901.jpg", "COCO_train2014_000000000902.jpg"


def write_coco(folder):
    """Write ``train2014.zip``, ``val2014.zip``, ``dataset_coco.json`` and the files of 2017.

    One training image cannot be decoded, and another is an image of the validation split.
    """
    folder.mkdir(parents=True)
    images = list(_images(sum(SPLITS.values())))
    splits = [split for split, count in SPLITS.items() for _ in range(count)]
    entries, archives = [], {"train2014": {}, "val2014": {}}
    for number, (split, (encoded, captions)) in enumerate(zip(splits, images, strict=True)):
        year = "train2014" if split == "train" else "val2014"
        name = f"COCO_{year}_{number:012d}.jpg"
        archives[year][name] = encoded
        entries.append(_entry(year, name, split, captions))
    validated = splits.index("val")
    for name, content in ((BROKEN, images[0][0][:200]), (REPEATED, images[validated][0])):
        archives["train2014"][name] = content
        entries.append(_entry("train2014", name, "train", images[0][1]))
    for year, files in archives.items():
        with zipfile.ZipFile(folder / f"{year}.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(f"{year}/{name}", content)
    text = json.dumps({"images": entries, "dataset": "coco"})
    (folder / "dataset_coco.json").write_text(text)
    _write_2017(folder, images)


def _entry(year, name, split, captions):
    sentences = [{"raw": text, "tokens": text.lower().rstrip(".").split()} for text in captions]
    return {"filepath": year, "filename": name, "split": split, "sentences": sentences}


def _write_2017(folder, encoded_images):
    for split, chosen in (("train", encoded_images[:4]), ("val", encoded_images[4:6])):
        (folder / f"{split}2017").mkdir()
        images, annotations = [], []
        for number, (encoded, captions) in enumerate(chosen):
            name = f"{number:012d}.jpg"
            (folder / f"{split}2017" / name).write_bytes(encoded)
            images.append({"id": number, "file_name": name, "license": 1})
            annotations += [{"image_id": number, "caption": text} for text in captions]
        tree = {"info": {}, "licenses": [], "images": images, "annotations": annotations}
        (folder / f"captions_{split}2017.json").write_text(json.dumps(tree))


def _images(count):
    """JPEG files with captions: COCO's own where they are there, otherwise coloured noise."""
    if (COCO / "captions_train.json").is_file():
        tree = json.loads((COCO / "captions_train.json").read_text())
        for image in tree["images"][:count]:
            texts = [a["caption"] for a in tree["annotations"] if a["image_id"] == image["id"]]
            yield (COCO / "images" / image["file_name"]).read_bytes(), texts
        return
    for seed in range(count):
        cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
        image = cv2.resize(cells, (256, 256), interpolation=cv2.INTER_CUBIC)
        yield cv2.imencode(".jpg", image)[1].tobytes(), [f"Noise of seed {seed}.", "Colours."]
