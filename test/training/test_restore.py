"""A run folder out of a bundle."""

import dataclasses

import pytest
import torch
from bundles import manifest_of
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny import no_room

from ros2_captioner.bundle import load_bundle
from training.config.settings import ConfigError, ValidationConfig
from training.export import export
from training.optimisation.run import load_run
from training.restore import restore
from training.train import train


@pytest.mark.parametrize("decoder", ["adaptive_attention", "soft_attention"])
def test_a_restored_run_has_the_weights_of_the_exported_one(tiny_config, tmp_path, decoder):
    config = tiny_config(finetune={"epochs": 0})
    model = dataclasses.replace(config.model, decoder=decoder)
    config = dataclasses.replace(config, model=model)
    train(config, tmp_path / "run")
    _make_all_weights_differ(tmp_path / "run/best.safetensors")
    export(tmp_path / "run", tmp_path / "bundle", ["float32"], 4, 4)
    search = ValidationConfig(beam_width=5, length_penalty=0.0, batch=7)
    other = dataclasses.replace(config, validation=search)
    restore(load_bundle(tmp_path / "bundle"), other, tmp_path / "restored")
    before, after = load_run(tmp_path / "run"), load_run(tmp_path / "restored")
    assert after.progress.history == before.progress.history
    found = after.config.validation  # the search is the bundle's
    assert found.decoding == config.validation.decoding and found.batch == 7
    assert after.vocabulary.to_json() == before.vocabulary.to_json()
    expected = before.model.state_dict()
    for name, tensor in after.model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    with pytest.raises(ConfigError, match="exists"):
        restore(load_bundle(tmp_path / "bundle"), config, tmp_path / "restored")
    with no_room(), pytest.raises(OSError, match="cannot write .*room for it"):
        restore(load_bundle(tmp_path / "bundle"), config, tmp_path / "full")
    assert not list(tmp_path.glob("*full*"))
    other = dataclasses.replace(config, model=dataclasses.replace(model, encoder="resnet50"))
    with pytest.raises(ConfigError, match="encoder: 'resnet18' there, 'resnet50' here"):
        restore(load_bundle(tmp_path / "bundle"), other, tmp_path / "other")
    larger = dataclasses.replace(config, model=dataclasses.replace(model, image_size=96))
    with pytest.raises(ConfigError, match="image_size: 64 there, 96 here"):  # weights would fit
        restore(load_bundle(tmp_path / "bundle"), larger, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_restored_run_searches_as_the_bundle_does_and_names_its_data(tiny_config, tmp_path):
    config = tiny_config(finetune={"epochs": 0})
    train(config, tmp_path / "run")
    export(tmp_path / "run", tmp_path / "bundle", ["float32"], 4, 4)
    lengths = {"min_length": 2, "max_length": 7}
    with manifest_of(tmp_path / "bundle") as manifest:
        decoding = manifest["decoding"]
        decoding |= lengths | {"never_last": ["a dog"], "banned_words": ["cat", "hot dog"]}
    restore(load_bundle(tmp_path / "bundle"), config, tmp_path / "restored")
    export(tmp_path / "restored", tmp_path / "again", ["float32"], 4, 4)
    assert load_bundle(tmp_path / "again").manifest["decoding"] == decoding
    with manifest_of(tmp_path / "bundle") as manifest:
        del manifest["decoding"]["no_repeat_objects"], manifest["decoding"]["never_last"]
    restore(load_bundle(tmp_path / "bundle"), config, tmp_path / "older")
    found = load_run(tmp_path / "older").config.validation
    assert not found.no_repeat_objects and not found.never_last


def _make_all_weights_differ(checkpoint):
    """Untrained biases are all zero, and of equal constants a graph keeps one."""
    torch.manual_seed(0)
    with safe_open(checkpoint, framework="pt") as file:
        metadata = file.metadata()
    weights = load_file(checkpoint)
    for name in weights:
        if name.endswith("bias"):
            weights[name] += torch.randn_like(weights[name]) / 100
    save_file(weights, checkpoint, metadata=metadata)
