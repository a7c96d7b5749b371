"""Config files and their refusals."""

import dataclasses
import re

import pytest
from tiny import ROOT

from training.config import settings
from training.config.file import load_config
from training.config.ranges import allowed
from training.config.settings import ConfigError
from training.optimisation.run import write_config

CONFIGS = sorted((ROOT / "training/configs").glob("*.yaml"))
MINIMAL = """
name: x
data:
  train: [{name: own, images: folder, captions: train.json}]
  val: [{name: own, images: folder, captions: val.json}]
"""
EVIDENCE = ["model.evidence_words=800", "optim.evidence_weight=0.1"]


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_shipped_configs_load(file):
    assert file.stem == load_config(file).name


def test_all_shipped_configs_were_found():
    assert {"flickr8k", "scenes", "coco"} <= {file.stem for file in CONFIGS}


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_the_config_in_a_run_folder_loads_too(file, tmp_path):
    """Which training.export names in the command that it says to type."""
    config = dataclasses.replace(load_config(file), note="na\u00efve \U0001f916")
    write_config(tmp_path / "config.json", config)
    assert load_config(tmp_path / "config.json") == config


def test_what_belongs_together_is_taken_together(tmp_path):
    """And a stage that is left out asks for nothing."""
    file = tmp_path / "c.yaml"
    file.write_text(MINIMAL)
    assert load_config(file, EVIDENCE).model.evidence_words == 800
    started = load_config(file, [*EVIDENCE[:1], "start_from=runs/earlier"])
    assert started.optim.evidence_weight == 0
    assert load_config(file, ["finetune.encoder_lr=1e-5"]).finetune.epochs == 0


def test_paths_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/robot")
    file = tmp_path / "c.yaml"
    file.write_text(MINIMAL.replace("folder", "~/images").replace("train.json", "~/train.json"))
    config = load_config(
        file, ["start_from=~/runs/a", "model.encoder_weights=~/resnet.safetensors"]
    )
    (source,) = config.data.train
    assert source.images == "/home/robot/images" and source.captions == "/home/robot/train.json"
    assert config.start_from == "/home/robot/runs/a"
    assert config.model.encoder_weights == "/home/robot/resnet.safetensors"


def test_overrides_win(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(MINIMAL)
    config = load_config(file, ["frozen.decoder_lr=1e-4", "model.encoder=resnet101"])
    assert config.frozen.decoder_lr == 1e-4 and config.model.encoder == "resnet101"


@pytest.mark.parametrize(
    ("text", "overrides", "match"),
    [
        ("", [], "found no keys"),
        ("name: x\n", [], "missing keys"),
        (MINIMAL + "speed: 1\n", [], "unknown keys"),
        (MINIMAL, ["frozen.decoder_lr=fast"], "frozen.decoder_lr: found 'fast'; expected float"),
        (MINIMAL, ["seed=1.5"], "seed: found 1.5; expected int"),
        (MINIMAL, ["seed"], "expected --set"),
        (MINIMAL, ["name.x=1"], "name is a value and has no keys"),
        (MINIMAL, ["seed=["], "expected a YAML value"),
        (MINIMAL, ["seed=" + "9" * 5000], "expected a YAML value: Exceeds the limit"),
        (MINIMAL, ["seed=" + "[" * 5000], "expected a YAML value: it is nested too deeply"),
        (MINIMAL, ["name=2024-13-45"], "expected a YAML value: month must be in 1..12"),
        (MINIMAL, ["name=!!timestamp x"], "expected a YAML value: 'NoneType' object has no"),
        (MINIMAL, ["name=!!bool x"], "expected a YAML value: 'x'"),
        (MINIMAL, ["name=!!float x"], "expected a YAML value: could not convert"),
        (MINIMAL, ["optim={parts: 1, parts: 2}"], "found the key 'parts' twice"),
        (MINIMAL + "optim: {parts: 1}\noptim: {samples: 2}\n", [], "found the key 'optim' twice"),
        (MINIMAL, ['name="\\ud800"'], "config.name: found '\\ud800'; expected str"),
        (MINIMAL, ["optim.jitter=1" + "0" * 400], "config.optim.jitter: found 1000"),
        (MINIMAL, ["data.train=" + "a" * 5000], "a...; expected a list of sources"),
        ("data:\n", ["data.max_words=9"], "data is a value and has no keys"),
        (MINIMAL, ["data.val=own"], "config.data.val: found 'own'; expected a list of sources"),
        (MINIMAL, ["data.val=[{images: i}]"], "config.data.val[0]: missing keys ['name']"),
        (MINIMAL, ["data.val=[{name: x, path: i}]"], "config.data.val[0]: unknown keys ['path']"),
        (MINIMAL, ["data.val=[{name: x}]"], "source 'x': found no 'images'; expected a folder"),
        (
            MINIMAL,
            ["data.val=[{name: x, images: i, captions: c, objects: o}]"],
            "source 'x': found ['captions', 'objects']; expected one of",
        ),
        (
            MINIMAL,
            ["data.train=[{name: x, images: i, weight: 0}]"],
            "config.data.train[0]: weight: found 0.0; expected more than 0",
        ),
        (
            MINIMAL,
            ["data.train=[{name: x, images: i, part: half}]"],
            "config.data.train[0]: part: found 'half'; expected one of all, train, held_out",
        ),
        (MINIMAL, ["validation.never_last=the"], "never_last: found 'the'; expected a list of wo"),
        (MINIMAL, ["validation.banned_words=[no]"], "found [False]; expected a list of words"),
        (MINIMAL, ["validation.min_length=30"], "min_length is 30 and max_length 20"),
        (MINIMAL, ["optim.sentence_weight=1"], "sentence_weight: found it with model.evidence_wo"),
        (
            MINIMAL,
            ["optim.sentence_weight=1", *EVIDENCE],
            "optim.sentence_weight: found it without 'sentences' in data.train",
        ),
        (MINIMAL, EVIDENCE[:1], "model.evidence_words: found 800 with optim.evidence_weight 0"),
        (MINIMAL, EVIDENCE[1:], "optim.evidence_weight: found it with model.evidence_words 0"),
        (
            MINIMAL,
            ["finetune={epochs: 1, encoder_lr: 1e-5}"],
            "config.finetune: encoder_lr: found 1e-05 with encoder_stages 0",
        ),
        (
            MINIMAL,
            ["model.stride_in_1x1=true"],
            "config.model: stride_in_1x1: found it with encoder_weights 'torchvision'",
        ),
        (
            MINIMAL,
            ["model={encoder: resnet34, encoder_weights: random, stride_in_1x1: true}"],
            "config.model: stride_in_1x1: found it with resnet34",
        ),
        (
            MINIMAL,
            ["data.val=[{name: x, images: i}, {name: y, images: i}, {name: x, images: j}]"],
            "config.data: val: found two sources of the name 'x'",
        ),
        (
            MINIMAL,
            ["data.train=[{name: x, images: i}, {name: x, images: j}]"],
            "config.data: train: found two sources of the name 'x'",
        ),
        (
            MINIMAL,
            ["data.val=[{name: x, images: i, captions: c, weight: 2}]"],
            "config.data: val: found a 'weight' of source 'x'",
        ),
        (
            MINIMAL,
            ["data.val=[{name: x, images: i, captions: c, teacher: runs/y}]"],
            "config.data: val: found a 'teacher' of source 'x'",
        ),
        (
            MINIMAL,
            ["data.train=[{name: x, images: i, objects: o, teacher: runs/y}]"],
            "source 'x': found a 'teacher' without 'captions'",
        ),
        (
            MINIMAL,
            ["data.train=[{name: x, sentences: s, weight: 2}]"],
            "source 'x': found 'images', 'weight' or 'part' with 'sentences'",
        ),
        (
            MINIMAL,
            ["data.train=[{name: x, sentences: s, images: i}]"],
            "source 'x': found 'images', 'weight' or 'part' with 'sentences'",
        ),
        (
            MINIMAL,
            ["optim.distillation=1", "model.encoder_weights=random"],
            "optim.distillation: found it with random start weights",
        ),
        ("{1: x, name: y}", [], "unknown keys [1]"),
        (MINIMAL, ["validation.beam_width=0"], "config.validation: beam_width is 0; expected"),
    ],
)
def test_mistakes_are_named(tmp_path, text, overrides, match):
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(match)) as caught:
        load_config(file, overrides)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700


def test_a_file_of_another_encoding_is_named(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"cannot read the config .*c.yaml"):
        load_config(file)


@pytest.mark.parametrize(
    ("key", "outside", "inside"),
    [
        ("data.min_word_count", ["0"], ["1"]),
        ("data.max_words", ["0", "51"], ["1", "50"]),
        ("model.encoder", ["vgg"], ["resnet152"]),
        ("model.decoder", ["gru"], ["soft_attention"]),
        ("model.image_size", ["0", "225", "2048"], ["32", "384"]),
        ("model.width", ["0"], ["1"]),
        ("model.hidden", ["0"], ["1"]),
        ("model.dropout", ["-0.1", "1.0"], ["0.0", "0.9"]),
        ("model.evidence_words", ["-1", "8193"], ["0"]),
        ("model.evidence_dropout", ["-0.1", "1.1"], ["0.0", "1.0"]),
        ("frozen.epochs", ["-1", "1_000_000_000"], ["0"]),
        ("finetune.batch", ["0", "1_000_000_000"], ["1"]),
        ("self_critical.decoder_lr", ["-1e-4", "2.0", ".nan"], ["0.0", "1.0"]),
        ("frozen.encoder_lr", ["-1e-4", ".inf"], ["0.0"]),
        ("frozen.encoder_stages", ["-1", "5"], ["0", "4"]),
        ("frozen.warmup_steps", ["-1"], ["0"]),
        ("optim.weight_decay", ["-0.1"], ["0.0"]),
        ("optim.label_smoothing", ["2.0", "1.0"], ["0.0"]),
        ("optim.clip_norm", ["0.0", ".inf", "inf", "1e400"], ["0.1"]),
        ("optim.ema_decay", ["1.5", "1.0"], ["0.0", "0.9999"]),
        ("optim.crop_area", ["0.0", "1.5"], ["0.1", "1.0"]),
        ("optim.jitter", ["-0.1", "1.1"], ["0.0", "1.0"]),
        ("optim.precision", ["int8"], ["float16", "auto"]),
        ("optim.parts", ["0", "1_000_000_000"], ["1"]),
        ("optim.scheduled_sampling", ["-0.1", "1.1"], ["1.0"]),
        ("optim.attention_penalty", ["-1.0", "1e300"], ["0.0"]),
        ("optim.samples", ["1", "1_000_000_000"], ["2"]),
        ("optim.bleu_weight", ["-1.0", "1e300"], ["0.0"]),
        ("optim.truth_weight", ["-1.0", "1e300"], ["0.0"]),
        ("optim.evidence_weight", ["-1.0", "1e300"], ["0.0"]),
        ("optim.distillation", ["-1.0", "1e300"], ["0.0", "1.0"]),
        ("optim.sentence_weight", ["-1.0", "1e300"], ["0.0"]),
        ("optim.workers", ["-2"], ["-1", "0"]),
        ("validation.batch", ["0"], ["1"]),
        ("validation.patience", ["-1"], ["0"]),
        ("validation.keep", ["-1"], ["0"]),
        ("seed", ["-1", "1" + "0" * 400], ["0"]),
    ],
)
def test_every_value_has_a_range(tmp_path, key, outside, inside):
    file = tmp_path / "c.yaml"
    file.write_text(MINIMAL)
    for value in inside:
        load_config(file, [f"{key}={value}"])
    *section, name = key.split(".")
    where = ".".join(["config", *section])
    for value in outside:
        with pytest.raises(ConfigError, match=f"^{where}: {name}: found .*; expected"):
            load_config(file, [f"{key}={value}"])


def test_a_range_is_told_to_the_last_digit(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(MINIMAL)
    with pytest.raises(ConfigError, match=r"seed: found 2147483649; .* at most 2147483648$"):
        load_config(file, ["seed=2147483649"])


def test_every_number_declares_its_range():
    """Those of the search are checked by the search itself."""
    sections = settings.Settings.__subclasses__()
    bare = {
        f"{section.__name__}.{field.name}"
        for section in sections
        for field in dataclasses.fields(section)
        if field.type in ("int", "float")
        and allowed(field) is None
        and field.name not in settings.SEARCH
    }
    assert not bare
