"""Run folders: what they hold, what a run that starts from another takes over."""

import dataclasses

import pytest
import torch

from ros2_captioner.bundle import MANIFEST
from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.config.settings import ConfigError
from training.optimisation.checkpoint import Progress, save_checkpoint
from training.optimisation.run import (
    COMMIT,
    CONFIG,
    VOCABULARY,
    Run,
    blank_model,
    inherited,
    joined_sources,
    load_run,
    named_sources,
    read_config,
    write_config,
)


@pytest.fixture
def folder(tiny_config, tmp_path):
    """A run folder with a model that learnt nothing."""
    config, vocabulary = tiny_config(), Vocabulary([*SPECIAL_TOKENS, "a"])
    write_config(tmp_path / CONFIG, config)
    (tmp_path / VOCABULARY).write_text(vocabulary.to_json())
    (tmp_path / COMMIT).write_text("unknown")
    save_checkpoint(
        tmp_path / "best.safetensors", blank_model(config.model, vocabulary), Progress(3)
    )
    return tmp_path


def with_model(config, **changes):
    return dataclasses.replace(config, model=dataclasses.replace(config.model, **changes))


def test_a_config_comes_back(tiny_config, tmp_path):
    config = tiny_config()
    write_config(tmp_path / CONFIG, config)
    assert read_config(tmp_path / CONFIG) == config


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x", "speed": 1}'])
def test_what_is_no_config_is_named(tmp_path, text):
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json"):
        read_config(tmp_path / CONFIG)


def test_no_run_says_what_to_type(tmp_path):
    with pytest.raises(ConfigError, match=r"training\.train"):
        load_run(tmp_path)
    (tmp_path / MANIFEST).touch()
    with pytest.raises(ConfigError, match=r"is a bundle; .* type python -m training\.restore"):
        load_run(tmp_path)


@pytest.mark.parametrize("file", [VOCABULARY, COMMIT, "best.safetensors"])
def test_a_run_of_which_a_file_is_missing_or_cut_is_named(folder, file):
    assert load_run(folder).progress.epochs_done == 3
    whole = (folder / file).read_bytes()
    if file != COMMIT:
        (folder / file).write_bytes(whole[:6])
        with pytest.raises(ConfigError, match=file):
            load_run(folder)
    (folder / file).unlink()
    with pytest.raises(ConfigError, match=file):
        load_run(folder)


def test_start_weights_are_those_of_the_first_run(tiny_config):
    earlier = with_model(tiny_config(), encoder_weights="weights.safetensors")
    assert inherited(tiny_config(), earlier).model.encoder_weights == "weights.safetensors"


def test_start_weights_of_the_same_name_are_where_this_config_says(tiny_config):
    """A restored run knows the name alone, and distillation reads the file."""
    earlier = with_model(tiny_config(), encoder_weights="weights.safetensors")
    config = with_model(tiny_config(), encoder_weights="elsewhere/weights.safetensors")
    assert inherited(config, earlier).model.encoder_weights == "elsewhere/weights.safetensors"


def test_another_architecture_is_refused_and_another_dropout_taken(tiny_config, folder):
    earlier = load_run(folder)
    with pytest.raises(ConfigError, match=r"architecture \(model.hidden: 48 there, 64 here\)"):
        inherited(with_model(tiny_config(), hidden=64), earlier.config)
    config = inherited(with_model(tiny_config(), dropout=0.3), earlier.config)
    model = earlier.model_for(config.model, earlier.vocabulary)
    assert model.decoder.dropout.p == 0.3
    for name, tensor in earlier.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_sources_are_named_once_and_those_of_an_older_run_by_its_config(folder):
    run = load_run(folder)
    assert run.progress.sources == [] and run.sources == named_sources(run.config) != []
    one, other = ({"name": "a", "licence": text, "weight": 1.0} for text in ("free", "ours"))
    assert joined_sources([one], [{**one, "weight": 2.0}, other]) == [one, other]


@pytest.mark.parametrize("evidence_words", [0, 1])
def test_the_unknown_word_shares_its_probability_with_a_new_one(tiny_config, evidence_words):
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "dog"])
    config = tiny_config()
    settings = dataclasses.replace(config.model, evidence_words=evidence_words)
    earlier = blank_model(settings, vocabulary).eval()
    torch.nn.init.normal_(earlier.decoder.logit_bias)
    if earlier.decoder.evidence is not None:
        earlier.decoder.evidence.choose_words(torch.tensor([3]), torch.tensor([0.5]))
    run = Run(config, vocabulary, earlier, Progress(), "unknown")
    model = run.model_for(settings, Vocabulary([*vocabulary.words, "forklift"])).eval()
    frames = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)

    def probabilities(model, *tokens):
        words = torch.tensor([[tokens]])
        found = model.decoder(model.prepare(frames), words, torch.ones_like(words).bool())[0]
        return found.softmax(dim=-1)

    before = probabilities(earlier, 0, 3, vocabulary.unknown)
    found = probabilities(model, 0, 3, 4)
    before[:, vocabulary.unknown] /= 2
    torch.testing.assert_close(found, torch.cat([before, before[:, [vocabulary.unknown]]], dim=1))
