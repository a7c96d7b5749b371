"""Every kind of source and every loss at once, from training to a bundle and back."""

import dataclasses
import json
import math

import onnx
import pytest
import torch
import torchvision
import yaml
from safetensors.torch import save_file

from ros2_captioner.bundle import load_bundle
from ros2_captioner.captioner import Captioner
from ros2_captioner.images.files import read_image
from training.average import average
from training.evaluate import main as evaluate
from training.export import export
from training.optimisation.run import load_run
from training.report import main as report
from training.restore import restore
from training.train import train

SENTENCES = {
    "1": ["a green square is standing on a table", "a dark square"],
    "2": ["the square on the dark table is white"],
    "3": ["the blue square is standing"],
}
OBJECTS = {
    "red.png": {"table": 0.6},
    "green.png": {"table": 0.4, "person": 0.2},
    "blue.png": {"wall": 0.9},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(scope="module")
def config(tiny_config, tiny_data, folder):
    torch.manual_seed(0)
    weights = torchvision.models.resnet18().state_dict()
    for name, tensor in weights.items():
        if name.endswith("running_mean"):  # untrained, every bias would be the same zero
            torch.nn.init.normal_(tensor, std=0.1)
    save_file(weights, folder / "weights.safetensors")
    for name, tree in (("sentences", SENTENCES), ("objects", OBJECTS), ("names", ["white.png"])):
        (folder / f"{name}.json").write_text(json.dumps(tree))
    captions = tiny_config().data.val[0]
    images = {"images": str(tiny_data)}
    objects = {"name": "objects", "objects": str(folder / "objects.json"), **images}
    return tiny_config(
        data={
            "min_word_count": 1,
            "train": [
                dataclasses.asdict(captions) | {"weight": 3},
                objects,
                {"name": "bare", "names": str(folder / "names.json"), "weight": 2, **images},
                {"name": "said", "sentences": str(folder / "sentences.json")},
            ],
            "val": [dataclasses.asdict(captions), objects],
        },
        model={
            "encoder": "resnet18", "encoder_weights": str(folder / "weights.safetensors"),
            "image_size": 64, "width": 32, "hidden": 48, "dropout": 0.1,
            "evidence_words": 6, "evidence_dropout": 0.2,
        },
        frozen={"epochs": 10, "decoder_lr": 5e-3, "batch": 3},
        finetune={"encoder_stages": 2},
        self_critical={"epochs": 1},
        optim={
            "ema_decay": 0.9, "evidence_weight": 0.5, "distillation": 1.0, "sentence_weight": 0.5,
            "truth_weight": 0.5, "sampled_dropout": True, "parts": 2,
        },
        validation={"keep": 2},
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(config, folder):
    progress = train(config, folder / "run")
    assert [entry["stage"] for entry in progress.history] == ["frozen"] * 10 + [
        "finetune", "self_critical"
    ]  # fmt: skip
    numbers = [v for entry in progress.history for v in entry.values() if isinstance(v, float)]
    assert all(map(math.isfinite, numbers))
    assert {"CIDEr tiny", "people invented objects"} <= progress.history[-1].keys()
    return load_run(folder / "run")


@pytest.fixture(scope="module")
def bundle(run, folder):
    """Exporting itself proves that float32 captions as torch does, word for word."""
    export(folder / "run", folder / "bundle", ["float32", "float16", "int8"], 8, 8)
    return folder / "bundle"


def test_all_losses_teach(run):
    losses = [entry["loss"] for entry in run.progress.history if "loss" in entry]
    assert losses[-1] < 0.7 * losses[0]
    evidence = run.model.decoder.evidence
    words = [run.vocabulary.words[place] for place in evidence.ids]
    assert "square" in words and "a" not in words
    assert (evidence.score.bias - evidence.log_prior.exp().logit()).abs().min() > 0
    assert run.model.decoder.evidence_scale.weight.abs().max() > 0


def test_the_graphs_carry_evidence(bundle, run):
    graphs = json.loads((bundle / "manifest.json").read_text())["graphs"]
    expected = {"dtype": "float32", "shape": ["B", len(run.vocabulary)]}
    assert graphs["encoder"]["outputs"]["evidence"] == expected
    assert graphs["decoder"]["inputs"]["evidence"] == expected
    for part in ("encoder", "decoder"):
        nodes = onnx.load(bundle / f"{part}.float32.onnx").graph.node
        assert not {node.op_type for node in nodes} & {"Shape", "Range", "GatherND"}


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_every_precision_captions(bundle, tiny_data, precision):
    captioner = Captioner.load(bundle, precision=precision, device="cpu")
    found = captioner.caption([read_image(str(file)) for file in sorted(tiny_data.glob("*.png"))])
    assert all(caption.text for caption in found.captions)


def test_the_model_card_names_every_source(bundle):
    card = (bundle / "README.md").read_text()
    for line in ("- tiny: free", "- objects: unknown", "- bare: unknown", "- said: unknown"):
        assert line in card


def test_a_restored_run_has_its_evidence(bundle, run, config, folder):
    restore(load_bundle(bundle), config, folder / "restored")
    expected = run.model.state_dict()
    for name, tensor in load_run(folder / "restored").model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_an_average_captions(run, folder):
    average(folder / "run", folder / "averaged")
    evidence = load_run(folder / "averaged").model.decoder.evidence
    assert torch.equal(evidence.ids, run.model.decoder.evidence.ids)
    assert torch.equal(evidence.places, run.model.decoder.evidence.places)


@pytest.fixture
def config_file(config, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(config)))
    return str(file)


def test_every_source_is_evaluated(bundle, config_file, folder, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")  # METEOR takes ten seconds
    for subject in (["--bundle", str(bundle)], ["--run", str(folder / "run")]):
        monkeypatch.setattr("sys.argv", ["evaluate", *subject, "--config", config_file])
        assert evaluate() == 0
        captions, objects = capsys.readouterr().out.split("signature: ")[:2]
        assert "CIDEr  " in captions and "people invented" not in captions.partition("CIDEr")[0]
        assert "people invented" in objects and "CIDEr  " not in objects


def test_the_report_shows_captioned_images(bundle, config_file, tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    arguments = ["report", "--bundle", str(bundle), "--config", config_file, "--count", "9"]
    monkeypatch.setattr("sys.argv", [*arguments, "--output", str(page)])
    assert report() == 0
    assert page.read_text().count("<img") == 8  # four images, best and worst
