"""Averaging a run's best epochs."""

import dataclasses
import shutil

import pytest
import torch
from safetensors.torch import load_file
from tiny import no_room

from ros2_captioner.vocabulary import Vocabulary
from training.average import average
from training.config.settings import ConfigError
from training.optimisation.checkpoint import Progress, save_checkpoint
from training.optimisation.run import load_run
from training.train import train


def test_the_average_of_the_best_epochs_is_a_run_like_any_other(tiny_config, tmp_path):
    config = tiny_config(frozen={"epochs": 5}, finetune={"epochs": 0}, validation={"keep": 2})
    history = train(config, tmp_path / "run").history
    ranked = sorted(history, key=lambda entry: entry["CIDEr"], reverse=True)[:2]
    files = average(tmp_path / "run", tmp_path / "averaged")
    expected = sorted(f"epoch-{entry['epoch']:03d}.safetensors" for entry in ranked)
    assert [file.name for file in files] == expected
    first, second = map(load_file, files)
    found = load_run(tmp_path / "averaged").model.state_dict()
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, (first[name] + second[name]) / 2)
    names = [source.name for source in config.data.train]
    assert [source["name"] for source in load_run(tmp_path / "averaged").sources] == names
    average(tmp_path / "run", tmp_path / "chosen", files[:1] * 2)
    chosen = load_run(tmp_path / "chosen").model.state_dict()
    assert all(torch.equal(chosen[name], first[name]) for name in chosen)
    with pytest.raises(ConfigError, match="exists"):
        average(tmp_path / "run", tmp_path / "averaged")
    with no_room(), pytest.raises(OSError, match="cannot write .*room for it"):
        average(tmp_path / "run", tmp_path / "full")
    assert not list(tmp_path.glob("*full*"))
    with pytest.raises(ConfigError, match=r"which the first epoch would replace.*start_from="):
        train(config, tmp_path / "averaged")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="exists"):
        average(tmp_path / "run", tmp_path / "link")


def test_a_run_that_kept_nothing_says_what_to_type(tiny_config, tmp_path):
    train(tiny_config(finetune={"epochs": 0}), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"kept: 0; .*validation\.keep=3"):
        average(tmp_path / "run", tmp_path / "averaged")
    with pytest.raises(ConfigError, match="found 1 file in --weights; expected two or more"):
        average(tmp_path / "run", tmp_path / "averaged", [tmp_path / "run/best.safetensors"])


def test_a_run_keeps_its_own_best_epochs_though_the_one_it_started_from_was_better(
    tiny_config, tmp_path
):
    one = tiny_config(finetune={"epochs": 0})
    train(one, tmp_path / "earlier")
    earlier = load_run(tmp_path / "earlier")
    (entry,) = earlier.progress.history
    better = Progress(history=[{**entry, "epoch": epoch, "CIDEr": 99.0} for epoch in (1, 2, 3)])
    save_checkpoint(tmp_path / "earlier/best.safetensors", earlier.model, better)
    config = tiny_config(frozen={"epochs": 3}, finetune={"epochs": 0}, validation={"keep": 2})
    config = dataclasses.replace(config, start_from=str(tmp_path / "earlier"))
    own = train(config, tmp_path / "run").history[3:]
    ranked = sorted(own, key=lambda entry: entry["CIDEr"], reverse=True)[:2]
    files = average(tmp_path / "run", tmp_path / "averaged")
    expected = sorted(f"epoch-{entry['epoch']:03d}.safetensors" for entry in ranked)
    assert [file.name for file in files] == expected


def test_weights_of_other_words_are_not_averaged(tiny_config, tmp_path):
    """They fit, as the words are as many."""
    config = tiny_config(
        finetune={"epochs": 0},
        optim={"evidence_weight": 0.1},
        model={
            "encoder": "resnet18", "encoder_weights": "random", "image_size": 64, "width": 32,
            "hidden": 48, "evidence_words": 2,
        },
    )  # fmt: skip
    train(config, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "other")
    files = [tmp_path / name / "best.safetensors" for name in ("run", "other")]
    average(tmp_path / "run", tmp_path / "averaged", files)

    other = load_run(tmp_path / "other")
    words = list(other.vocabulary.words)
    turned = Vocabulary([*words[:3], *words[:2:-1]])
    (tmp_path / "other/vocabulary.json").write_text(turned.to_json())
    with pytest.raises(ConfigError, match=r"best\.safetensors is of a run with other words"):
        average(tmp_path / "run", tmp_path / "words", files)

    evidence = other.model.decoder.evidence
    evidence.choose_words(evidence.ids.flip(0), evidence.log_prior.exp())
    save_checkpoint(tmp_path / "evidence.safetensors", other.model, other.progress)
    with pytest.raises(ConfigError, match="gives evidence for other words"):
        average(tmp_path / "run", tmp_path / "words", [files[0], tmp_path / "evidence.safetensors"])
    assert not (tmp_path / "words").exists()


def test_weights_of_another_architecture_are_not_averaged(tiny_config, tmp_path):
    """They fit, as no weight tells where a ResNet strides or how large its images are."""
    train(tiny_config(finetune={"epochs": 0}), tmp_path / "run")
    other = shutil.copytree(tmp_path / "run", tmp_path / "other")
    text = (other / "config.json").read_text()
    (other / "config.json").write_text(text.replace('"image_size": 64', '"image_size": 96'))
    files = [tmp_path / name / "best.safetensors" for name in ("run", "other")]
    with pytest.raises(ConfigError, match=r"architecture \(model.image_size: 96 there, 64 here\)"):
        average(tmp_path / "run", tmp_path / "averaged", files)
    assert not (tmp_path / "averaged").exists()


def test_a_run_that_learnt_further_words_is_averaged_with_the_one_it_started_from(
    tiny_config, tiny_data, tmp_path
):
    config = tiny_config(finetune={"epochs": 0})
    train(config, tmp_path / "first")
    text = (tiny_data / "captions.json").read_text()
    (tmp_path / "own.json").write_text(text.replace('"caption": "', '"caption": "forklift '))
    own = dataclasses.replace(config.data.train[0], captions=str(tmp_path / "own.json"))
    data = dataclasses.replace(config.data, train=(own,))
    first = str(tmp_path / "first")
    train(dataclasses.replace(config, data=data, start_from=first), tmp_path / "second")
    files = [tmp_path / name / "best.safetensors" for name in ("first", "second")]
    average(tmp_path / "second", tmp_path / "averaged", files)

    averaged = load_run(tmp_path / "averaged")
    assert averaged.vocabulary.words[-1] == "forklift"
    one, two = (load_file(file)["decoder.embedding.weight"] for file in files)
    begun = torch.cat([one, one[averaged.vocabulary.unknown][None]])
    torch.testing.assert_close(averaged.model.decoder.embedding.weight, (begun + two) / 2)
    with pytest.raises(ConfigError, match="of a run with other words.*the last of them as --run"):
        average(tmp_path / "first", tmp_path / "other", files)
