"""A run's folder is one run's, from its first epoch on."""

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.output_files import LOCK, replace_file
from training import train as train_module
from training.config.settings import ConfigError
from training.optimisation import output_folder as folder_module
from training.optimisation import run as run_module
from training.optimisation.output_folder import current_commit, refuse_another_run
from training.optimisation.run import load_run, write_config
from training.train import train


def test_two_runs_never_train_in_one_folder(tiny_config, tmp_path, monkeypatch):
    config = tiny_config(finetune={"epochs": 0})
    folder, epoch = tmp_path / "run", train_module.run_epoch

    def doubled(*given):
        with pytest.raises(OptionsError, match="another run is writing .*run; wait"):
            train(config, folder)
        return epoch(*given)

    monkeypatch.setattr(train_module, "run_epoch", doubled)
    assert len(train(config, folder).history) == 1
    assert not (folder / LOCK).exists()


def test_a_folder_keeps_one_config(tiny_config, tmp_path):
    train(tiny_config(finetune={"epochs": 0}), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"another config \(finetune.batch: 2 there, 1 here\)"):
        train(tiny_config(finetune={"epochs": 0, "batch": 1}), tmp_path / "run")


def test_a_run_goes_on_where_there_is_less_memory(tiny_config, tmp_path):
    begun = tiny_config(optim={"workers": 1})
    (tmp_path / "run").mkdir()
    write_config(tmp_path / "run/config.json", begun)
    smaller = tiny_config(optim={"workers": 0, "parts": 2}, validation={"batch": 1})
    refuse_another_run(tmp_path / "run", smaller)


def test_a_run_that_never_began_leaves_its_folder_free(tiny_config, tmp_path):
    config = tiny_config(finetune={"epochs": 0})
    lost = dataclasses.replace(config.data.train[0], captions="/nowhere/captions.json")
    wrong = dataclasses.replace(config.data, train=(lost,))
    with pytest.raises(ConfigError, match="nowhere"):
        train(dataclasses.replace(config, data=wrong), tmp_path / "run")
    assert train(config, tmp_path / "run").history[0]["encoder_stages"] == 0


@pytest.mark.parametrize("file", ["commit.txt", "config.json", "vocabulary.json"])
def test_a_run_that_was_killed_as_it_claimed_its_folder_begins_again(
    tiny_config, tmp_path, monkeypatch, file
):
    def until_then(path, content):
        if path.name == file:
            raise KeyboardInterrupt
        replace_file(path, content)

    config = tiny_config(finetune={"epochs": 0})
    with monkeypatch.context() as patch:
        for module in (folder_module, run_module):
            patch.setattr(module, "replace_file", until_then)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "run")
    assert len(train(config, tmp_path / "run").history) == 1
    assert load_run(tmp_path / "run").config == config


def test_changed_captions_do_not_go_on_with_a_run(tiny_config, tmp_path):
    """As many words in another order of frequency: the weights would fit, and be of other words."""
    config = tiny_config(finetune={"epochs": 0})
    (source,) = config.data.train
    tree = json.loads(Path(source.captions).read_text())
    file = tmp_path / "captions.json"
    own = dataclasses.replace(source, captions=str(file))
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, train=(own,)))
    file.write_text(json.dumps(tree))
    train(config, tmp_path / "run")
    tree["annotations"].append({"image_id": 0, "caption": "red red red"})
    file.write_text(json.dumps(tree))
    with pytest.raises(ConfigError, match="holds other words than the training captions"):
        train(config, tmp_path / "run")


def test_what_is_no_run_is_not_gone_on_from(tiny_config, tmp_path):
    config = tiny_config(finetune={"epochs": 0})
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file is a file; expected a folder"):
        train(config, tmp_path / "file")
    train(config, tmp_path / "run")
    (tmp_path / "run/config.json").unlink()
    with pytest.raises(ConfigError, match=r"holds \w+.safetensors without config.json"):
        train(config, tmp_path / "run")


def test_a_vocabulary_of_something_else_as_a_bundle_is_not_replaced(tiny_config, tmp_path):
    (tmp_path / "vocabulary.json").touch()
    with pytest.raises(ConfigError, match=r"holds vocabulary.json without config.json"):
        train(tiny_config(), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["vocabulary.json"]


def test_the_commit_is_that_of_the_code_and_not_of_the_folder_it_is_called_from(
    tmp_path, monkeypatch
):
    here = current_commit()
    settings = ["-c", "user.name=x", "-c", "user.email=x"]
    for command in (["init"], [*settings, "commit", "--allow-empty", "--message=x"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    assert current_commit() == here
