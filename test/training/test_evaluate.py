"""Scores of bundles and runs: what is printed, recorded and refused."""

import dataclasses
import json
import os
import shutil
import statistics
from pathlib import Path

import pytest
import yaml
from bundles import manifest_of
from tiny import images_of

from ros2_captioner.bundle import load_bundle
from ros2_captioner.command_line.text import in_line
from ros2_captioner.evidence.confidence import FEATURES
from training.bundle.model_card import METRICS
from training.evaluate import _show_spread
from training.evaluate import main as evaluate
from training.report import main as report_main
from training.scoring.calibration import CALIBRATION_ERROR
from training.scoring.metrics import Scores
from training.train import train


@pytest.fixture
def recording(monkeypatch, tmp_path):
    """The arguments that record the scores of a bundle; these are perfect, and need no Java."""

    def arguments(folder, config):
        file = tmp_path / "config.yaml"
        file.write_text(json.dumps({"name": "tiny", "data": dataclasses.asdict(config.data)}))
        monkeypatch.setattr(
            "training.scoring.source_scores.score_captions",
            lambda found, references, with_spice: Scores(dict.fromkeys(METRICS, 1.0), "PTB"),
        )
        monkeypatch.setattr("training.evaluate.require_java", lambda: None)
        monkeypatch.setattr("training.evaluate.ptb_tokens", lambda captions: None)
        return ["evaluate", "--bundle", str(folder), "--config", str(file), "--record"]

    return arguments


def test_scores_and_their_search_are_recorded_in_the_manifest(
    bundle, recording, monkeypatch, capsys, tmp_path
):
    exported, config = bundle
    folder = shutil.copytree(exported, tmp_path / "bundle")
    arguments = recording(folder, config)
    monkeypatch.setattr("sys.argv", [*arguments, "--length-penalty", "0.9"])
    assert evaluate() == 0
    assert "| tiny | int8 | " in (folder / "README.md").read_text()
    manifest = json.loads((folder / "manifest.json").read_text())
    metrics, decoding = manifest["metrics"]["int8"]["tiny"], manifest["decoding"]
    assert decoding["length_penalty"] == 0.9 and decoding["no_repeat_ngram"] == 2
    assert metrics["CIDEr"] == 1.0 and metrics["signature"] in capsys.readouterr().out
    assert "## Where it fails worst\n| picture |" in (folder / "README.md").read_text()
    load_bundle(folder)


def test_a_search_that_the_confidence_was_not_fitted_to_is_told(
    bundle, recording, monkeypatch, capsys, tmp_path
):
    exported, config = bundle
    folder = shutil.copytree(exported, tmp_path / "the bundle")
    with manifest_of(folder) as manifest:
        manifest["confidence"] = {"weights": dict.fromkeys(FEATURES, 0.0), "bias": 0.0}
    arguments = recording(folder, config)
    monkeypatch.setattr("sys.argv", [*arguments, "--beam-width", "5"])
    assert evaluate() == 0
    typed = f"python -m training.calibrate --bundle '{folder}' --config ..."
    assert f"was fitted to another search; to fit it to this one, type: {typed}" in (
        capsys.readouterr().out
    )
    monkeypatch.setattr("sys.argv", arguments)
    assert evaluate() == 0
    assert "was fitted to another search" not in capsys.readouterr().out


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
    monkeypatch.setenv("PATH", "")  # METEOR takes ten seconds
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


def test_the_scores_are_a_column(capsys):
    _show_spread([{"CIDEr": 0.5, CALIBRATION_ERROR: 0.1}] * 2, "")
    lines = capsys.readouterr().out.splitlines()[1:3]
    assert len({line.index("0.") for line in lines}) == 1


def test_every_run_is_looked_at_before_the_first_captions(bundle, tmp_path, monkeypatch, capsys):
    folder, config = bundle
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(config)))
    monkeypatch.setattr("training.evaluate.prepared_images", None)
    runs = [str(folder.parent / "run"), str(tmp_path / "gone")]
    monkeypatch.setattr("sys.argv", ["evaluate", "--run", *runs, "--config", str(file)])
    assert evaluate() == 2
    assert f"no run in {tmp_path / 'gone'}" in capsys.readouterr().err


def test_only_what_all_runs_have_is_compared(capsys):
    _show_spread([{"CIDEr": 1.0, "CHAIR_i": 0.2}, {"CIDEr": 3.0}], "beam 3")
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"{'CIDEr':17} 2.0000 1.4142", "signature: beam 3"
    ]  # fmt: skip
    _show_spread([{"CIDEr": 1.0}], "beam 5")
    alone, _ = capsys.readouterr().out.splitlines()
    assert alone.startswith("1 run alone") and alone.endswith("--banned-words")


def test_options_that_do_not_go_together_are_refused(bundle, monkeypatch, capsys, tmp_path):
    folder, config = bundle
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(config)))
    common = ["evaluate", "--config", str(file)]
    for options in (
        ["--bundle", str(folder), "--record", "--beam-width", "1", "3"],
        ["--bundle", str(folder), "--record", "--corruption", "blur"],
        ["--bundle", str(folder), "--record", "--limit", "2"],
        ["--bundle", str(folder), "--record", "--split", "train"],
        ["--run", str(tmp_path), "--corruption", "blur"],
        ["--run", str(tmp_path), "--precision", "int8"],
    ):
        monkeypatch.setattr("sys.argv", common + options)
        assert evaluate() == 2
        assert "expected it with" in capsys.readouterr().err


@pytest.fixture
def command(bundle, tmp_path, monkeypatch):
    """Evaluates the tiny bundle with further options; returns the exit status."""
    folder, config = bundle
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(config)))

    def run(*options):
        common = ["evaluate", "--bundle", str(folder), "--config", str(file)]
        monkeypatch.setattr("sys.argv", [*common, *map(str, options)])
        return evaluate()

    return run


def test_a_bundle_that_may_not_be_written_is_noticed_before_anything_is_captioned(
    command, bundle, monkeypatch, capsys
):
    monkeypatch.setattr("training.evaluate.require_java", lambda: None)
    monkeypatch.setattr("training.evaluate.ptb_tokens", lambda captions: None)
    monkeypatch.setattr("training.evaluate.caption_images", None)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != bundle[0])
    assert command("--record") == 2
    assert "--record: " in (said := capsys.readouterr().err) and "may not be written" in said


def test_captions_of_every_search_are_written_by_path(command, bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")  # METEOR takes ten seconds
    file = tmp_path / "captions.json"
    assert command("--captions", file, "--beam-width", 1, 3, "--limit", 3) == 0
    one, three = json.loads(file.read_text())
    assert "beam 1" in one["signature"] and "beam 3" in three["signature"]
    images = images_of(bundle[1])[:3]
    assert one["model"] == three["model"] == str(bundle[0])
    assert list(one["captions"]) == list(three["captions"]) == [str(p.path) for p in images]


def test_captions_and_pages_are_written_to_files_in_folders_that_are_there(
    command, capsys, tmp_path
):
    assert command("--captions", tmp_path) == 2
    assert "is a folder; expected a file" in capsys.readouterr().err
    assert command("--captions", tmp_path / "gone/captions.json") == 2
    assert "found no folder" in capsys.readouterr().err
    inputs = ["--bundle", "/nowhere", "--config", str(tmp_path / "config.yaml"), "--output"]
    assert report_main([*inputs, str(tmp_path)]) == 2
    assert "is a folder; expected a file" in capsys.readouterr().err
    assert report_main([*inputs, str(tmp_path / "gone/page.html")]) == 2
    assert "found no folder" in capsys.readouterr().err


def test_nothing_that_is_read_is_written_over(tiny_config, tmp_path, capsys):
    """And it is said before any data are read."""
    (source,) = tiny_config().data.train
    kinds = ("captions", "objects", "names", "sentences")
    own = [{"name": kind, "images": source.images, kind: str(tmp_path / kind)} for kind in kinds]
    del own[-1]["images"]  # sentences have none
    folders = [tmp_path / "bundle", tmp_path / "run"]
    for folder in folders:
        folder.mkdir()
        (folder / "held.json").touch()
    (tmp_path / "config.yaml").write_text(
        json.dumps({"name": "x", "data": {"train": own, "val": own}})
    )
    files = [tmp_path / kind for kind in kinds] + [folder / "held.json" for folder in folders]
    common = ["--config", str(tmp_path / "config.yaml")]
    for file in files:
        file.write_text("precious")
        subject = (
            ["--run", str(folders[1])]
            if file.parent == folders[1]
            else ["--bundle", str(folders[0])]
        )
        assert evaluate([*subject, *common, "--captions", str(file)]) == 2
        assert "would be lost" in capsys.readouterr().err
        if file.parent != folders[1]:
            assert report_main([*subject, *common, "--output", str(file)]) == 2
            assert "would be lost" in capsys.readouterr().err
        assert file.read_text() == "precious"


def test_no_image_is_written_over(command, bundle, tmp_path, capsys):
    folder, config = bundle
    image = images_of(config)[2].path
    before = image.read_bytes()
    assert command("--captions", image, "--limit", 1) == 2
    assert "would be lost" in capsys.readouterr().err
    common = ["--bundle", str(folder), "--config", str(tmp_path / "config.yaml")]
    (tmp_path / "link.png").symlink_to(image)
    assert report_main([*common, "--output", str(tmp_path / "link.png")]) == 2
    assert "would be lost" in capsys.readouterr().err
    assert image.read_bytes() == before


def test_an_image_listed_twice_and_texts_that_are_none_are_recorded_and_shown(
    bundle, tmp_path, monkeypatch
):
    folder, config = bundle
    folder = shutil.copytree(folder, tmp_path / "bundle")
    (source,) = config.data.val
    images = tmp_path / "images"
    shutil.copytree(source.images, images)
    (images / "red.png").rename(images / "\udc80.png")
    names = ["\udc80.png", "green.png", "\udc80.png"]
    caption = "a square | on \ud83d\na table"
    tree = {
        "images": [{"id": place, "file_name": name} for place, name in enumerate(names)],
        "annotations": [{"image_id": place, "caption": caption} for place in range(3)],
    }
    (tmp_path / "captions.json").write_text(json.dumps(tree))
    own = {"images": str(images), "captions": str(tmp_path / "captions.json")}
    data = dataclasses.asdict(config.data) | {"val": [{"name": "own", **own}]}
    (tmp_path / "own.yaml").write_text(json.dumps({"name": "own", "data": data}))
    monkeypatch.setattr(
        "training.scoring.source_scores.score_captions",
        lambda found, references, with_spice: Scores(dict.fromkeys(METRICS, 1.0), "PTB"),
    )
    monkeypatch.setattr("training.evaluate.require_java", lambda: None)
    monkeypatch.setattr("training.evaluate.ptb_tokens", lambda captions: None)
    common = ["--bundle", str(folder), "--config", str(tmp_path / "own.yaml"), "--record"]
    written = tmp_path / "written.json"
    monkeypatch.setattr("sys.argv", ["evaluate", *common, "--captions", str(written)])
    assert evaluate() == 0
    failures = json.loads((folder / "manifest.json").read_text())["failures"]
    assert sorted(one["picture"] for one in failures) == sorted(map(in_line, names))
    assert {one["reference"] for one in failures} == {"a square | on ? a table"}
    assert "| a square \\| on ? a table |" in (folder / "README.md").read_text()
    load_bundle(folder)
    (one,) = json.loads(written.read_text())
    assert set(one["captions"]) == {str(images / name) for name in names}
    page = tmp_path / "page.html"
    assert report_main([*common[:-1], "--output", str(page)]) == 0
    assert r"\udc80.png<ul><li>a square | on \ud83d" in page.read_text()


def test_the_test_split_is_only_of_sources_that_have_one(tiny_config, tmp_path, capsys):
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(tiny_config())))
    common = ["--bundle", "/nowhere", "--config", str(file), "--split", "test"]
    assert evaluate(common) == 2
    assert "expected a Karpathy split to score 'test' on" in capsys.readouterr().err
    assert report_main([*common, "--output", str(tmp_path / "page.html")]) == 2
    assert "expected a Karpathy split to score 'test' on" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-3", "x"])
def test_a_limit_that_leaves_no_image_is_refused(command, capsys, limit):
    with pytest.raises(SystemExit, match="2"):
        command("--limit", limit)
    assert "--limit" in capsys.readouterr().err


def test_no_gpu_takes_over_half_way(command, monkeypatch, capsys):
    """As TensorRT would when its engines are built; the signature names one runtime."""
    probed = []
    for name in ("backends.choice._check_tensorrt", "backends.onnxruntime.check_device"):
        monkeypatch.setattr(f"ros2_captioner.{name}", lambda *on: probed.append(on[-1]))
    monkeypatch.setenv("PATH", "")
    assert command("--limit", 1) == 0
    assert set(probed) == {"cpu"}


def test_without_java_what_is_left_out_is_said_first(command, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert command("--limit", 1) == 0
    assert capsys.readouterr().out.startswith("found no Java: METEOR is left out")


def test_images_are_corrupted_as_asked_for_and_the_signature_says_so(command, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(
        "training.scoring.bundle_captions.corrupt", lambda frame, name: asked.append(name) or frame
    )
    monkeypatch.setenv("PATH", "")
    assert command("--limit", 2, "--corruption", "noise") == 0
    assert asked == ["noise"] * 2
    assert ", tiny val under noise, 2 images, " in capsys.readouterr().out


def test_a_java_that_cannot_start_is_noticed_first(command, monkeypatch, capsys, tmp_path):
    (tmp_path / "java").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert command() == 2
    assert "ended with status 3" in capsys.readouterr().err


def test_a_java_too_old_for_the_tokeniser_is_noticed_first(command, monkeypatch, capsys, tmp_path):
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\ncase $2 in -version) exit 0;; esac\necho too old >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr("training.evaluate.caption_images", None)
    assert command() == 2
    assert "ended with status 1 and said 'too old'" in capsys.readouterr().err


def test_an_option_of_the_search_says_what_it_takes(capsys):
    with pytest.raises(SystemExit):
        evaluate(["--help"])
    shown = capsys.readouterr().out
    assert "--no-repeat-objects true|false" in shown and "--beam-width N" in shown
