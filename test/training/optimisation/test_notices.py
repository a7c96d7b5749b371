"""What is said of a training that goes on all the same."""

import dataclasses
import json
from pathlib import Path

import pytest

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.config.settings import SourceConfig
from training.data.captions import CaptionedImage
from training.data.sources import Sources
from training.optimisation.notices import notices
from training.optimisation.run import load_run
from training.optimisation.stages import Splits
from training.train import train


def splits_of(train, val, vocabulary=("dog",)):
    return Splits(Sources(train, []), {"v": val}, Vocabulary([*SPECIAL_TOKENS, *vocabulary]))


def test_validation_images_whose_scores_tell_nothing_are_told(tiny_config, tmp_path):
    def image(name, captions=("a dog",), **known):
        (tmp_path / name).write_text(name[0])  # of one size all
        return CaptionedImage(tmp_path / name, captions, **known)

    a, b, c, d, copy = (image(name) for name in ("a", "b", "c", "d", "b under another name"))
    bare = image("c", ())  # as for distillation, which tells no caption
    listed = image("e", (), absent=frozenset({"dog"}))
    for val, said in (
        ([b, c], "1 of the validation images are"),
        ([copy, copy, c], "2 of the validation images are"),
        ([c, d], ""),
        ([listed, d], "1 of the validation images are"),
        ([c], "data.val: v has one image, of which CIDEr is 0 whatever is said"),
    ):
        counts, *told = notices(tiny_config(), splits_of([a, b, bare, listed], val))
        assert counts == f"4 training and {len(val)} validation images, 4 words"
        assert "".join(told).startswith(said) and bool(told) == bool(said)


@pytest.mark.parametrize(("long", "told"), [(5, 0), (6, 1)])
def test_captions_that_are_too_long_are_told_unless_they_are_few(tiny_config, tmp_path, long, told):
    def image(name, most):
        (tmp_path / name).write_text(name)
        captions = (*long * ["dog " * (most + 1)], *(100 - long) * ["dog " * most])
        return CaptionedImage(tmp_path / name, captions)

    trained, validated = image("a", 25), [image("b", 20), CaptionedImage(tmp_path / "b")]
    _, *said = notices(tiny_config(), splits_of([trained], validated))
    keys = told * ["data.max_words: found 25; 6 of", "validation.max_length: found 20; 6 of"]
    assert [line[: len(key)] for line, key in zip(said, keys, strict=True)] == keys


@pytest.mark.parametrize(
    ("optim", "unused"),
    [
        ({}, {"said": "sentence_weight", "bare": "distillation",
              "rooms": "distillation and optim.evidence_weight"}),
        ({"distillation": 1.0}, {"said": "sentence_weight"}),
        ({"evidence_weight": 0.1, "sentence_weight": 0.5}, {"bare": "distillation"}),
    ],
)  # fmt: skip
def test_sources_that_no_loss_learns_from_are_told(tiny_config, optim, unused):
    config = tiny_config()
    sources = (
        *config.data.train,
        SourceConfig("said", sentences="sentences.json"),
        SourceConfig("rooms", images="rooms", objects="objects.json"),
        SourceConfig("bare", images="bare"),
    )
    data = dataclasses.replace(config.data, train=sources)
    model = dataclasses.replace(config.model, encoder_weights="torchvision", evidence_words=5)
    optim = dataclasses.replace(config.optim, **optim)
    changed = {"data": data, "model": model, "optim": optim, "start_from": "runs/first"}
    image = CaptionedImage(Path(__file__), ("a dog",))
    said = notices(dataclasses.replace(config, **changed), splits_of([image], [image]))
    told = dict(
        line.removeprefix("data.train: nothing is learnt from ").split(", which has no captions")
        for line in said
        if line.startswith("data.train: ")
    )
    assert told.keys() == unused.keys()
    assert all(f": found optim.{unused[name]} 0; " in said for name, said in told.items())


def test_a_stage_that_ends_within_its_warm_up_is_told(tiny_config, tmp_path, capsys):
    two = {"epochs": 2, "batch": 4}
    for warmup, told in ((2, 0), (3, 1)):
        config = tiny_config(frozen=two | {"warmup_steps": warmup}, finetune={"epochs": 0})
        train(config, tmp_path / f"{warmup}")
        said = "frozen.warmup_steps: found 3 for 2 steps in all"
        assert capsys.readouterr().out.count(said) == told


def test_an_average_over_more_steps_than_a_stage_has_is_told(tiny_config, tmp_path, capsys):
    two = {"epochs": 2, "batch": 4}
    for decay, told in ((0.5, 0), (0.7, 1)):
        config = tiny_config(frozen=two, finetune={"epochs": 0}, optim={"ema_decay": decay})
        train(config, tmp_path / f"{decay}")
        said = "optim.ema_decay: found 0.7, an average over some 3 steps, for 2 steps of frozen"
        assert capsys.readouterr().out.count(said) == told


def test_words_that_the_earlier_run_does_not_know_are_learnt_and_told(
    tiny_config, tiny_data, tmp_path, capsys
):
    config = tiny_config(finetune={"epochs": 0})
    train(config, tmp_path / "first")
    tree = json.loads((tiny_data / "captions.json").read_text())
    for annotation in tree["annotations"]:
        annotation["caption"] += " by a forklift"
    (tmp_path / "own.json").write_text(json.dumps(tree))
    (source,) = config.data.train
    own = dataclasses.replace(source, captions=str(tmp_path / "own.json"))
    for train_on, told in ((source, 0), (own, 1)):
        data = dataclasses.replace(config.data, train=(train_on,))
        start = str(tmp_path / "first")
        train(dataclasses.replace(config, data=data, start_from=start), tmp_path / f"run{told}")
        said = f"2 words that occur 1 times or more in the captions are new to {start} and are"
        assert capsys.readouterr().out.count(f"{said} learnt, e.g. by, forklift") == told
        first, run = (load_run(tmp_path / name).vocabulary for name in ("first", f"run{told}"))
        assert run.words == first.words + ("by", "forklift")[: 2 * told]
