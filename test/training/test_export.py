"""A trained run to a bundle that the run time captions with."""

import dataclasses
import json
import shutil
import statistics

import onnx
import pytest
import yaml
from tiny import FLICKR8K, ROOT

from ros2_captioner.bundle import DEFAULT_BUNDLE, load_bundle
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BundleError
from training.bundle.model_card import METRICS
from training.data.captions import read_split
from training.evaluate import main as evaluate
from training.evaluate import worst
from training.export import export
from training.scoring.bundle_captions import caption_pictures
from training.scoring.metrics import Scores
from training.train import train


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return tmp_path_factory.mktemp("exported")


@pytest.fixture
def bundle(exported, tiny_config):
    """The bundle of a short run; exported once for the module. Exporting itself proves float32."""
    config = tiny_config(frozen={"epochs": 20, "decoder_lr": 5e-3})
    if not (exported / "bundle").exists():
        train(config, exported / "run")
        export(exported / "run", exported / "bundle", ["float32", "float16", "int8"], 4, 4)
    return exported / "bundle", config


def test_every_precision_captions(bundle):
    folder, config = bundle
    pictures = read_split(config.data, "val")
    assert set(load_bundle(folder).precisions) == {"float32", "float16", "int8"}
    for precision in ("float32", "float16", "int8"):
        captioner = Captioner.load(folder, precision=precision, device="cpu")
        texts = caption_pictures(captioner, pictures, captioner.default_options())
        assert all(len(text.split()) > 2 for text in texts)


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
    pictures = read_split(bundle[1].data, "val")
    captioner = Captioner.load(soft_attention_bundle, device="cpu")
    texts = caption_pictures(captioner, pictures, captioner.default_options())
    assert all(len(text.split()) > 2 for text in texts)


def test_graphs_keep_the_contract(bundle):
    folder, _ = bundle
    for part in ("encoder", "decoder"):
        graph = onnx.load(folder / f"{part}.float32.onnx")
        assert not [t.name for t in graph.graph.initializer if t.external_data]
        operators = {node.op_type for node in graph.graph.node}
        assert not operators & {"Shape", "Range", "GatherND", "GatherElements"}
    shapes = json.loads((folder / "manifest.json").read_text())["graphs"]["decoder"]
    assert shapes["inputs"]["tokens"] == {"dtype": "int32", "shape": ["B", "K"]}
    assert shapes["outputs"]["log_probs"]["dtype"] == "float32"


def test_scores_and_their_search_are_recorded_in_the_manifest(
    bundle, monkeypatch, capsys, tmp_path
):
    exported, config = bundle
    folder = shutil.copytree(exported, tmp_path / "bundle")
    file = tmp_path / "config.yaml"
    data = {"images": config.data.images}
    data |= dict.fromkeys(("captions_train", "captions_val"), config.data.captions_val)
    file.write_text(json.dumps({"name": "tiny", "data": data}))
    monkeypatch.setattr(
        "training.evaluate.score_captions",
        lambda found, references, with_spice: Scores(dict.fromkeys(METRICS, 1.0), "PTB"),
    )
    monkeypatch.setattr("training.evaluate.check_java", lambda: None)
    arguments = ["evaluate", "--bundle", str(folder), "--config", str(file), "--record"]
    monkeypatch.setattr("sys.argv", [*arguments, "--length-penalty", "0.9"])
    assert evaluate() == 0
    assert "| int8 | " in (folder / "README.md").read_text()
    manifest = json.loads((folder / "manifest.json").read_text())
    metrics, decoding = manifest["metrics"]["int8"], manifest["decoding"]
    assert decoding["length_penalty"] == 0.9 and decoding["no_repeat_ngram"] == 2
    assert metrics["CIDEr"] == 1.0 and metrics["signature"] in capsys.readouterr().out
    assert "## Where it fails worst\n| picture |" in (folder / "README.md").read_text()
    load_bundle(folder)


@pytest.mark.parametrize("option", ["--spice", "--record"])
def test_missing_java_is_noticed_before_anything_is_captioned(
    option, bundle, monkeypatch, capsys, tmp_path
):
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(bundle[1])))
    arguments = ["evaluate", "--bundle", "/nowhere", "--config", str(file), option]
    monkeypatch.setattr("sys.argv", arguments)
    monkeypatch.setenv("PATH", "")
    assert evaluate() == 2
    assert "found no Java" in capsys.readouterr().err


def test_the_worst_captions_come_first(bundle):
    _, config = bundle
    pictures = read_split(config.data, "val")
    texts = [picture.captions[0] for picture in pictures]
    texts[2] = "nothing of the kind"
    first, *others = worst(pictures, texts, count=2)
    assert first["caption"] == texts[2] and first["picture"] == pictures[2].path.name
    assert first["reference"] == pictures[2].captions[0] and len(others) == 1


def test_several_runs_give_mean_and_deviation(
    tiny_config, tiny_data, tmp_path, monkeypatch, capsys
):
    for seed in (1, 2):
        config = tiny_config(finetune={"epochs": 0})
        train(dataclasses.replace(config, seed=seed), tmp_path / f"seed{seed}")
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(config)))
    runs = [str(tmp_path / f"seed{seed}") for seed in (1, 2)]
    monkeypatch.setattr("sys.argv", ["evaluate", "--run", *runs, "--config", str(file)])
    capsys.readouterr()
    assert evaluate() == 0
    first, second, both = capsys.readouterr().out.split("signature: ")[:3]
    both = both.partition("2 runs")[2]
    values = [
        [float(line.split()[1]) for line in text.splitlines() if line.startswith("BLEU-1 ")]
        for text in (first, second)
    ]
    line = next(line for line in both.splitlines() if line.startswith("BLEU-1 ")).split()
    assert float(line[1]) == pytest.approx(statistics.mean([*values[0], *values[1]]), abs=1e-4)
    assert float(line[2]) == pytest.approx(statistics.stdev([*values[0], *values[1]]), abs=1e-4)


def test_options_that_do_not_go_together_are_refused(bundle, monkeypatch, capsys, tmp_path):
    folder, config = bundle
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(config)))
    common = ["evaluate", "--config", str(file)]
    for options in (
        ["--bundle", str(folder), "--record", "--beam-width", "1", "3"],
        ["--bundle", str(folder), "--record", "--corruption", "blur"],
        ["--run", str(tmp_path), "--corruption", "blur"],
    ):
        monkeypatch.setattr("sys.argv", common + options)
        assert evaluate() == 2
        assert "expected it with" in capsys.readouterr().err


@pytest.mark.skipif(not FLICKR8K.is_dir(), reason="needs Flickr8k; set FLICKR8K to its folder")
def test_shipped_bundle_still_scores_on_flickr8k_val(tmp_path):
    """A sample of the validation split: far below the recorded score means a broken pipeline."""
    from training.config.settings import DataConfig
    from training.scoring.metrics import plain_tokens, score_tokens

    captions = str(FLICKR8K / "captions_val.json")
    pictures = read_split(DataConfig(str(FLICKR8K / "images"), captions, captions), "val")[:100]
    captioner = Captioner.load(ROOT / "ros2_captioner/models/default", device="cpu")
    texts = caption_pictures(captioner, pictures, captioner.default_options())
    scores = score_tokens(
        plain_tokens([[text] for text in texts]), plain_tokens([p.captions for p in pictures])
    )
    assert scores["BLEU-1"] > 0.5 and scores["CIDEr"] > 0.35


def test_the_run_time_refuses_weights_in_another_file(tmp_path):
    graph = onnx.load(DEFAULT_BUNDLE / "decoder.int8.onnx")
    bundle = dataclasses.replace(load_bundle(), path=tmp_path)
    file = tmp_path / "decoder.int8.onnx"
    onnx.save_model(graph, file, save_as_external_data=True, location="elsewhere.bin")
    with pytest.raises(BundleError, match="weights in another file"):
        bundle.graph("int8", "decoder")
    onnx.save_model(onnx.load(DEFAULT_BUNDLE / "decoder.int8.onnx"), file)
    assert bundle.graph("int8", "decoder") == file
