"""Config files and their refusals."""

import pytest
from tiny import ROOT

from training.config.file import load_config
from training.config.settings import ConfigError

CONFIGS = sorted((ROOT / "training/configs").glob("*.yaml"))
MINIMAL = "name: x\ndata: {images: i, captions_train: t, captions_val: v}\n"


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_shipped_configs_load(file):
    assert file.stem.startswith(load_config(file).name)


def test_all_shipped_configs_were_found():
    assert {"flickr8k", "flickr8k_self_critical", "coco"} <= {file.stem for file in CONFIGS}


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
        (MINIMAL, ["finetune.encoder_stages=5"], "encoder_stages: found 5; expected 0"),
        (MINIMAL, ["optim.jitter=-0.1"], "jitter: found -0.1; expected a share from 0 to 1"),
        (MINIMAL, ["validation.beam_width=0"], "validation: beam_width is 0; expected"),
    ],
)
def test_mistakes_are_named(tmp_path, text, overrides, match):
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=match):
        load_config(file, overrides)
