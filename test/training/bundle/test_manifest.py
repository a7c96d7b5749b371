"""What a manifest says of a run."""

import dataclasses
import hashlib
import json

import pytest

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.bundle.manifest import build_manifest
from training.model.captioning import build_model
from training.optimisation.checkpoint import Progress
from training.optimisation.run import Run, named_sources

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "a", "dog"])
VARIANTS = {"float32": {"encoder": "encoder.onnx", "decoder": "decoder.onnx"}}


@pytest.fixture
def manifest(tiny_config, tmp_path, monkeypatch):
    """Of a run that was begun and taught by earlier ones, beside an older manifest."""
    monkeypatch.setattr("training.bundle.manifest.describe", lambda file: {"of": file.name})
    config = tiny_config(
        start_from=str(tmp_path / "runs/first"), note="A note.", finetune={"epochs": 0}
    )
    taught = dataclasses.replace(config.data.train[0], teacher=str(tmp_path / "runs/second"))
    model = build_model(config.model, len(VOCABULARY))
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, train=(taught,)),
        model=dataclasses.replace(
            config.model, encoder_weights=str(tmp_path / "resnet18.safetensors")
        ),
    )
    progress = Progress.after([{"stage": "frozen", "CIDEr": 0.5}], named_sources(config))
    for name in ("manifest.json", "README.md", "encoder.onnx"):
        (tmp_path / name).write_text(name)
    return build_manifest(Run(config, VOCABULARY, model, progress, "abc123\n"), tmp_path, VARIANTS)


def test_it_tells_how_the_model_was_trained_and_no_folder_of_the_machine(manifest, tmp_path):
    training = manifest["training"]
    assert training["start_from"] == "first" and training["note"] == "A note."
    assert training["encoder_weights"] == "resnet18.safetensors"
    assert training["commit"] == "abc123" and list(training["stages"]) == ["frozen"]
    assert training["history"] == [{"stage": "frozen", "CIDEr": 0.5}]
    assert training["sources"] == [
        {"name": "tiny", "licence": "free", "weight": 1.0, "teacher": "second"}
    ]
    assert str(tmp_path.parent) not in json.dumps(manifest)


def test_it_describes_the_network_and_the_files_beside_it(manifest):
    architecture = manifest["architecture"]
    assert (architecture["cells"], architecture["vocabulary_size"]) == (4, len(VOCABULARY))
    assert manifest["graphs"]["encoder"] == {"of": "encoder.onnx"}
    assert manifest["graphs"]["decoder"]["of"] == "decoder.onnx"
    digest = hashlib.sha256(b"encoder.onnx").hexdigest()
    assert manifest["files"] == {"encoder.onnx": {"sha256": digest, "bytes": 12}}
