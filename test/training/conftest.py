"""Fixtures of the training tests: a few synthetic images with captions, and a tiny config."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny import COLOURS, captions_of

from training.config.file import config_from_dict
from training.export import export
from training.train import train


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """A folder with four images and COCO captions JSON for them."""
    folder = tmp_path_factory.mktemp("tiny")
    images, annotations = [], []
    for identifier, (colour, bgr) in enumerate(COLOURS.items()):
        # Squares of different sizes too: a random encoder hardly tells colours apart.
        image = np.zeros((64, 64, 3), np.uint8)
        image[: 16 * (identifier + 1), : 16 * (identifier + 1)] = bgr
        cv2.imwrite(str(folder / f"{colour}.png"), image)
        images.append({"id": identifier, "file_name": f"{colour}.png"})
        annotations += [{"image_id": identifier, "caption": c} for c in captions_of(colour)]
    (folder / "captions.json").write_text(
        json.dumps({"images": images, "annotations": annotations})
    )
    return folder


@pytest.fixture(scope="session")
def tiny_config(tiny_data):
    """Makes a config of seconds; keyword arguments change its stages and its optim section."""

    def make(**sections):
        source = {
            "name": "tiny",
            "images": str(tiny_data),
            "captions": str(tiny_data / "captions.json"),
            "licence": "free",
        }
        short = {"epochs": 1, "batch": 2, "warmup_steps": 2}
        stages = {
            "frozen": short,
            "finetune": short | {"encoder_stages": 4, "encoder_lr": 1e-4},
            "self_critical": short | {"epochs": 0},
        }
        stages = {name: settings | sections.pop(name, {}) for name, settings in stages.items()}
        return config_from_dict(
            {
                "name": "tiny",
                "data": {"train": [source], "val": [source], "min_word_count": 1},
                "model": {
                    "encoder": "resnet18",
                    "encoder_weights": "random",
                    "image_size": 64,
                    "width": 32,
                    "hidden": 48,
                    "dropout": 0.0,
                },
                **stages,
                **sections,
            }
        )

    return make


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    return tmp_path_factory.mktemp("exported")


@pytest.fixture
def bundle(exported, tiny_config):
    """The bundle of a short run; exported once. Exporting itself proves float32."""
    config = tiny_config(frozen={"epochs": 20, "decoder_lr": 5e-3})
    if not (exported / "bundle").exists():
        train(config, exported / "run")
        export(exported / "run", exported / "bundle", ["float32", "float16", "int8"], 4, 4)
    return exported / "bundle", config


@pytest.fixture
def quick(monkeypatch):
    """An export of a bundle of two files, out of nothing."""

    def write(run, work, precisions, calibration, proof):
        for name in ("decoder.onnx", "manifest.json"):
            (work / name).write_text("new")

    monkeypatch.setattr("training.export.load_run", lambda folder: None)
    monkeypatch.setattr("training.export._write_bundle", write)
    return lambda output: export(Path("run"), output, ["float32"], 1, 1)
