"""Confidence, fitted to what a bundle says of the validation images."""

import json
import os
from pathlib import Path
from statistics import mean

import pytest
import yaml
from bundles import manifest_of

from ros2_captioner.backends.host import HostBackend
from ros2_captioner.bundle import load_bundle
from ros2_captioner.captioner import Captioner
from ros2_captioner.evidence.confidence import FEATURES
from ros2_captioner.images.files import read_image
from ros2_captioner.ros.demo import PHOTOGRAPHS
from ros2_captioner.vocabulary import tokenize
from training.calibrate import _show_few, main
from training.data.objects import objects_in

FILES = sorted(PHOTOGRAPHS.glob("*.jpg"))


@pytest.fixture(scope="module")
def untrue(captioner):
    """Of the captions that name an object, every second one."""
    captions = captioner.caption([read_image(file) for file in FILES]).captions
    said = {file.name: found.text for file, found in zip(FILES, captions, strict=True)}
    return said, [name for name, text in said.items() if objects_in(tokenize(text))][::2]


@pytest.fixture
def config(untrue, tmp_path):
    """References that hold what the model says, but for the captions that shall be untrue."""
    said, wrong = untrue
    texts = ["something" if name in wrong else text for name, text in said.items()]
    listed = {
        "images": [{"id": place, "file_name": name} for place, name in enumerate(said)],
        "annotations": [{"image_id": place, "caption": text} for place, text in enumerate(texts)],
    }
    (tmp_path / "captions.json").write_text(json.dumps(listed))
    source = {
        "name": "demo",
        "images": str(PHOTOGRAPHS),
        "captions": str(tmp_path / "captions.json"),
    }
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"name": "demo", "data": {"train": [source], "val": [source]}}))
    return str(file)


def test_the_manifest_gets_a_confidence_that_tells_true_from_untrue(
    untrue, config, bundle_copy, capsys
):
    with manifest_of(bundle_copy) as before:
        del before["confidence"]
    assert any("calibration error" in scores for scores in before["metrics"]["int8"].values())
    assert main(["--bundle", str(bundle_copy), "--config", config]) == 0
    said, wrong = untrue
    shown = capsys.readouterr().out
    assert f"demo: 10 captions, {1 - len(wrong) / 10:.3f} of them name nothing absent\n" in shown
    assert "\ncalibration error 0." in shown and "\nmin_confidence 0." in shown
    few = f"found {10 - len(wrong)} true captions and {len(wrong)} untrue ones; expected 60 or more"
    assert few in shown
    after = load_bundle(bundle_copy).manifest
    for scores in before["metrics"].values():
        for values in scores.values():
            values.pop("calibration error", None)  # of the confidence that was replaced
    assert list(after.pop("confidence")["weights"]) == list(FEATURES)
    assert after == before
    found = Captioner.load(bundle_copy, device="cpu").caption([read_image(f) for f in FILES])
    by_name = {f.name: c.confidence for f, c in zip(FILES, found.captions, strict=True)}
    assert mean(by_name[name] for name in wrong) < mean(by_name[n] for n in said if n not in wrong)


def test_enough_captions_of_either_kind_are_fitted_without_a_word(capsys):
    _show_few(60 * [True] + 60 * [False])
    assert not capsys.readouterr().out


def test_a_bundle_that_may_not_be_written_is_noticed_first(
    config, bundle_copy, monkeypatch, capsys
):
    monkeypatch.setattr("training.calibrate.read_image", None)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != bundle_copy)
    assert main(["--bundle", str(bundle_copy), "--config", config]) == 2
    assert "--bundle: " in (said := capsys.readouterr().err) and "may not be written" in said


def test_a_model_without_evidence_is_refused(config, bundle_copy, monkeypatch, capsys):
    monkeypatch.setattr(HostBackend, "evidence", lambda backend, encoding: None)
    before = (bundle_copy / "manifest.json").read_bytes()
    assert main(["--bundle", str(bundle_copy), "--config", config]) == 2
    assert "without evidence for words; expected one trained with" in capsys.readouterr().err
    assert (bundle_copy / "manifest.json").read_bytes() == before
