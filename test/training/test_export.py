"""A trained run to a bundle that the run time captions with."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny import FLICKR8K, ROOT, images_of

from ros2_captioner.bundle import load_bundle
from ros2_captioner.captioner import Captioner
from training.config.settings import ConfigError
from training.data.captions import CaptionedImage
from training.export import _calibration_frames, export, main
from training.scoring.bundle_captions import caption_images
from training.train import train


def test_every_precision_captions(bundle):
    folder, config = bundle
    images = images_of(config)
    assert set(load_bundle(folder).precisions) == {"float32", "float16", "int8"}
    for precision in ("float32", "float16", "int8"):
        captioner = Captioner.load(folder, precision=precision, device="cpu")
        captions = caption_images(captioner, images, captioner.default_options())
        assert all(len(caption.words) > 2 for caption in captions)


@pytest.mark.parametrize(("split", "precision"), [("train", "int8"), ("val", "float16")])
def test_images_that_are_gone_are_missed_before_anything_is_exported(
    bundle, tmp_path, monkeypatch, split, precision
):
    run = shutil.copytree(bundle[0].parent / "run", tmp_path / "run")
    tree = json.loads((run / "config.json").read_text())
    tree["data"][split][0]["captions"] = "gone.json"
    (run / "config.json").write_text(json.dumps(tree))
    monkeypatch.setattr("training.export.export_graphs", None)
    with pytest.raises(ConfigError, match=r"gone\.json"):
        export(run, tmp_path / "bundle", [precision], 4, 4)
    assert not (tmp_path / "bundle").exists()


@pytest.fixture
def soft_attention_bundle(tiny_config, tmp_path):
    config = tiny_config(frozen={"epochs": 20, "decoder_lr": 5e-3})
    model = dataclasses.replace(config.model, decoder="soft_attention")
    train(dataclasses.replace(config, model=model), tmp_path / "run")
    export(tmp_path / "run", tmp_path / "bundle", ["float32"], 4, 4)
    return tmp_path / "bundle"


def test_soft_attention_keeps_the_same_contract(bundle, soft_attention_bundle):
    manifests = [
        json.loads((folder / "manifest.json").read_text())
        for folder in (bundle[0], soft_attention_bundle)
    ]
    assert manifests[0]["graphs"] == manifests[1]["graphs"]
    assert manifests[1]["architecture"]["decoder"] == "soft_attention_lstm"
    assert "soft attention LSTM" in (soft_attention_bundle / "README.md").read_text()
    images = images_of(bundle[1])
    captioner = Captioner.load(soft_attention_bundle, device="cpu")
    captions = caption_images(captioner, images, captioner.default_options())
    assert all(len(caption.words) > 2 for caption in captions)


def test_graphs_keep_the_contract(bundle):
    folder, _ = bundle
    for part in ("encoder", "decoder"):
        file = folder / f"{part}.float32.onnx"
        assert str(ROOT).encode() not in file.read_bytes()  # as the exporter's notes name it
        graph = onnx.load(file)
        assert not [t.name for t in graph.graph.initializer if t.external_data]
        operators = {node.op_type for node in graph.graph.node}
        assert not operators & {"Shape", "Range", "GatherND", "GatherElements"}
    shapes = json.loads((folder / "manifest.json").read_text())["graphs"]["decoder"]
    assert shapes["inputs"]["tokens"] == {"dtype": "int32", "shape": ["B", "K"]}
    assert shapes["outputs"]["log_probs"]["dtype"] == "float32"


@pytest.mark.parametrize(("listed", "count"), [(1000, 640), (1000, 1000), (7, 640), (1000, 3)])
def test_calibration_images_are_spread_evenly_over_all_sources(monkeypatch, listed, count):
    images = [CaptionedImage(Path(str(number))) for number in range(listed)]
    monkeypatch.setattr("training.export.read_frames", lambda paths, size: paths)
    batches = _calibration_frames(images, 32, count)
    chosen = [int(str(path)) for batch in batches for path in batch]
    assert len(chosen) == min(count, listed) and max(map(len, batches)) <= 8
    steps = np.diff([*chosen, chosen[0] + listed])
    assert max(steps) - min(steps) <= 1


@pytest.mark.skipif(not FLICKR8K.is_dir(), reason="needs Flickr8k; set FLICKR8K to its folder")
def test_shipped_bundle_still_scores_on_flickr8k_val(tmp_path):
    """A sample of the validation split: far below the recorded score means a broken pipeline."""
    from training.data.captions import captioned
    from training.scoring.metrics import plain_tokens, score_tokens

    images = captioned(FLICKR8K / "captions_val.json", FLICKR8K / "images", "val")[:100]
    captioner = Captioner.load(ROOT / "ros2_captioner/models/default", device="cpu")
    captions = caption_images(captioner, images, captioner.default_options())
    scores = score_tokens(
        plain_tokens([[caption.text] for caption in captions]),
        plain_tokens([p.captions for p in images]),
    )
    assert scores["BLEU-1"] > 0.5 and scores["CIDEr"] > 0.35


def test_the_command_that_follows_is_whole(quick, tmp_path, capsys):
    quick(tmp_path / "new")
    expected = f"--bundle {tmp_path / 'new'} --config run/config.json"
    assert f"now: python -m training.evaluate {expected}\n" in capsys.readouterr().out


def test_an_output_that_cannot_be_made_is_one_line(quick, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    output = str(tmp_path / "file" / "bundle")
    monkeypatch.setattr("sys.argv", ["export", "--run", "run", "--output", output])
    assert main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "file" in line
