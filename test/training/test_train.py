"""Training end to end on four images: it learns, stops, resumes and refuses."""

import dataclasses
import json
import random
import re
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import COLOURS, captions_of, images_of
from torch.amp.grad_scaler import GradScaler

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captioner import Captioner
from ros2_captioner.images.files import read_image
from training.config.settings import ConfigError
from training.export import export
from training.optimisation.checkpoint import Progress, read_progress, save_checkpoint
from training.optimisation.run import load_run
from training.scoring.decode import caption_batches, prepared_images
from training.train import train


def test_overfits_its_captions_word_for_word(tiny_config, tmp_path):
    config = tiny_config(
        frozen={"epochs": 5, "decoder_lr": 5e-3},
        finetune={"epochs": 1, "decoder_lr": 3e-4, "encoder_lr": 1e-5},
        optim={"label_smoothing": 0.0},
    )
    # An epoch of two steps would spend its time on checkpoints.
    often = tuple(dataclasses.replace(source, weight=20) for source in config.data.train)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, train=often))
    progress = train(config, tmp_path / "run")
    losses = [entry["loss"] for entry in progress.history]
    assert losses[-1] < 0.3 * losses[0]
    run = load_run(tmp_path / "run")
    images = images_of(config)
    captions = caption_batches(
        run.model.decoder,
        prepared_images(run.model, images, config),
        run.vocabulary,
        DecodingOptions(),
    )
    for colour, caption in zip(COLOURS, captions, strict=True):
        assert caption.text in captions_of(colour)


COLOURS_ELSEWHERE = {
    "red": ("Ein rotes Quadrat läuft über die Straße.", "赤い四角がある。"),
    "green": ("Ein grünes Quadrat hört auf.", "緑の四角がある。"),
    "blue": ("Ein blaues Quadrat fällt.", "青い四角がある。"),
    "white": ("Ein weißes Quadrat schläft.", "白い四角がある。"),
}


@pytest.mark.parametrize("language", [0, 1], ids=["german", "japanese"])
def test_other_languages_are_learnt_and_spoken_by_the_run_time(
    tiny_config, tiny_data, tmp_path, language
):
    captions = {colour: texts[language] for colour, texts in COLOURS_ELSEWHERE.items()}
    tree = {
        "images": [{"id": i, "file_name": f"{name}.png"} for i, name in enumerate(captions)],
        "annotations": [{"image_id": i, "caption": t} for i, t in enumerate(captions.values())],
    }
    file = tmp_path / "captions.json"
    file.write_text(json.dumps(tree, ensure_ascii=False), "utf-16")
    config = tiny_config(
        frozen={"epochs": 4, "decoder_lr": 5e-3},
        finetune={"epochs": 0},
        optim={"label_smoothing": 0.0},
    )
    (source,) = config.data.val
    shown = dataclasses.replace(source, captions=str(file))
    often = dataclasses.replace(shown, weight=20)
    data = dataclasses.replace(config.data, train=(often,), val=(shown,))
    train(dataclasses.replace(config, data=data), tmp_path / "run")
    export(tmp_path / "run", tmp_path / "bundle", ["float32"], 4, 4)
    captioner = Captioner.load(tmp_path / "bundle", device="cpu")
    frames = [read_image(tiny_data / f"{colour}.png") for colour in captions]
    spoken = [caption.text for caption in captioner.caption(frames).captions]
    assert spoken == [text.lower().rstrip(".。") for text in captions.values()]


def test_finetuning_moves_every_layer_of_the_encoder(tiny_config, tmp_path):
    train(tiny_config(finetune={"epochs": 0}), tmp_path / "frozen")
    train(tiny_config(finetune={"encoder_lr": 1e-3}), tmp_path / "tuned")
    before = load_file(tmp_path / "frozen/last.safetensors")
    after = load_file(tmp_path / "tuned/last.safetensors")
    layers = [name for name in before if name.startswith("encoder.st")]
    assert len(layers) > 30
    assert not [name for name in layers if torch.equal(before[name], after[name])]


def test_untrained_stages_of_the_encoder_stay(tiny_config, tmp_path):
    train(tiny_config(finetune={"epochs": 0}), tmp_path / "frozen")
    train(tiny_config(finetune={"encoder_stages": 1}), tmp_path / "tuned")
    before = load_file(tmp_path / "frozen/last.safetensors")
    after = load_file(tmp_path / "tuned/last.safetensors")
    layers = [name for name in before if name.startswith("encoder.st")]
    moved = [name for name in layers if not torch.equal(before[name], after[name])]
    assert moved == [name for name in layers if name.startswith("encoder.stages.3.")]


def test_an_encoder_at_rate_zero_is_said_to_have_been_left(tiny_config, tmp_path):
    """Its frames may be read again each epoch all the same, for their crops."""
    config = tiny_config(frozen={"epochs": 0}, finetune={"encoder_lr": 0.0})
    assert train(config, tmp_path / "run").history[0]["encoder_stages"] == 0
    tensors = load_file(tmp_path / "run/last.safetensors")
    names = [name for name, _ in load_run(tmp_path / "run").model.decoder.named_parameters()]
    assert len([name for name in tensors if name.endswith(".exp_avg")]) == len(names)


def test_a_run_starts_from_an_earlier_one(tiny_config, tmp_path, capsys):
    earlier = train(tiny_config(frozen={"epochs": 3}, finetune={"epochs": 0}), tmp_path / "first")
    best = max(earlier.history, key=lambda entry: entry["CIDEr"])["epoch"]
    config = tiny_config(frozen={"decoder_lr": 0.0}, finetune={"epochs": 0})
    config = dataclasses.replace(config, start_from=str(tmp_path / "first"), seed=7)
    (source,) = config.data.train
    own = dataclasses.replace(source, name="robot", licence="ours")
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, train=(own,)))
    capsys.readouterr()
    progress = train(config, tmp_path / "second")
    bar = capsys.readouterr().err.splitlines()[-1]
    assert f"epoch {best + 1} frozen: 100%" in bar  # as the line of its scores counts
    found = [(each["name"], each["licence"]) for each in load_run(tmp_path / "second").sources]
    assert found == [("robot", "ours"), (source.name, source.licence)]  # it learnt from both
    assert [entry["epoch"] for entry in progress.history] == [*range(1, best + 1), best + 1]
    first, second = (load_file(tmp_path / f"{n}/best.safetensors") for n in ("first", "second"))
    assert torch.equal(first["decoder.embedding.weight"], second["decoder.embedding.weight"])


def test_the_run_it_started_from_may_go_on_while_a_run_is_interrupted(
    tiny_config, tmp_path, monkeypatch
):
    train(tiny_config(finetune={"epochs": 0}), tmp_path / "first")
    config = tiny_config(frozen={"epochs": 3}, finetune={"epochs": 0}, validation={"keep": 2})
    config = dataclasses.replace(config, start_from=str(tmp_path / "first"))
    whole = train(config, tmp_path / "whole")
    assert [entry["epoch"] for entry in whole.own] == [2, 3, 4]
    with monkeypatch.context() as patch:
        patch.setattr("training.train.run_epoch", interrupted_after(1))
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "run")
    earlier = load_run(tmp_path / "first")
    further = Progress(3, history=3 * earlier.progress.history)
    save_checkpoint(tmp_path / "first/best.safetensors", earlier.model, further)
    assert train(config, tmp_path / "run") == whole


def test_a_stage_without_progress_ends_early(tiny_config, tmp_path):
    config = tiny_config(
        frozen={"epochs": 6, "decoder_lr": 0.0},
        validation={"patience": 2},
        optim={"scheduled_sampling": 0.5, "attention_penalty": 0.1},
    )
    history = train(config, tmp_path / "run").history
    assert [entry["stage"] for entry in history] == ["frozen"] * 3 + ["finetune"]
    assert train(config, tmp_path / "run").history == history


def test_best_is_the_moving_average(tiny_config, tmp_path):
    config = tiny_config(frozen={"epochs": 2}, finetune={"epochs": 0}, optim={"ema_decay": 0.9})
    train(config, tmp_path / "run")
    last, best = (load_file(tmp_path / f"run/{name}.safetensors") for name in ("last", "best"))
    name = "decoder.embedding.weight"
    assert not torch.equal(last[name], last[f"average.module.{name}"])
    assert torch.equal(best[name], last[f"average.module.{name}"])


def test_resumed_run_equals_an_uninterrupted_one(tiny_config, tmp_path, monkeypatch):
    """In float16, with a gradient scale too high at first, so that it falls within a stage."""
    monkeypatch.setattr(
        "training.optimisation.updater.GradScaler", partial(GradScaler, init_scale=2.0**19)
    )
    two = {"epochs": 2}
    config = tiny_config(
        frozen=two,
        finetune={"epochs": 3, "encoder_stages": 2},  # the second takes no step, the scale falls
        self_critical=two,
        optim={"ema_decay": 0.5, "precision": "float16"},
    )
    whole = train(config, tmp_path / "whole")
    assert all(0 <= entry["reward"] < 10 for entry in whole.history[5:])
    for stop_after in (1, 2, 3, 6):
        folder = tmp_path / f"stopped{stop_after}"
        with monkeypatch.context() as patch:
            patch.setattr("training.train.run_epoch", interrupted_after(stop_after))
            with pytest.raises(KeyboardInterrupt):
                train(config, folder)
        resumed = train(config, folder)
        assert resumed == whole
        for name in ("best", "last"):
            found, expected = (
                load_file(f / f"{name}.safetensors") for f in (folder, tmp_path / "whole")
            )
            assert not [key for key in expected if not torch.equal(found[key], expected[key])]


def test_killed_again_and_again_it_ends_as_if_never_killed(tiny_config, tmp_path):
    """SIGKILL at any moment leaves whole checkpoints: the same command goes on from them."""
    config = tiny_config(frozen={"epochs": 4}, finetune={"epochs": 2}, validation={"keep": 2})
    train(config, tmp_path / "whole")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(dataclasses.asdict(config)))
    command = [sys.executable, "-m", "training.train", "--device", "cpu"]
    command += ["--config", str(tmp_path / "config.yaml"), "--output", str(tmp_path / "killed")]
    draw, kills = random.Random(3), 0
    while True:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        progressed = tmp_path / "killed/last.safetensors"
        before = progressed.stat().st_mtime_ns if progressed.is_file() else 0
        # Killed some time after it has written something, so that every turn gets further.
        while process.poll() is None:
            if progressed.is_file() and progressed.stat().st_mtime_ns != before and kills < 3:
                time.sleep(draw.uniform(0, 0.3))
                process.kill()
            time.sleep(0.01)
        if process.wait() == 0:
            break
        assert process.returncode == -signal.SIGKILL
        kills += 1
    assert kills == 3
    for file in sorted((tmp_path / "whole").glob("*.safetensors")):
        found, expected = load_file(tmp_path / "killed" / file.name), load_file(file)
        assert not [key for key in expected if not torch.equal(found[key], expected[key])]


def test_the_log_shows_scores_captions_and_attention(tiny_config, tmp_path, capsys):
    progress = train(tiny_config(frozen={"epochs": 2}), tmp_path / "run")
    log = EventAccumulator(str(tmp_path / "run/tensorboard")).Reload()
    scores = [event.value for event in log.Scalars("CIDEr")]
    assert scores == pytest.approx([entry["CIDEr"] for entry in progress.history])
    assert len(log.Scalars("loss")) == 3
    speeds = [event.value for event in log.Scalars("images_per_s")]
    said = re.findall(
        r"^(.+) images/s; of \d+ s: reading \d+%, steps \d+%, validation \d+%$",
        capsys.readouterr().out,
        re.MULTILINE,
    )
    assert [float(number) for number in said] == pytest.approx(speeds, abs=0.06)
    assert len(speeds) == 3 and min(speeds) > 0
    for place, colour in enumerate(COLOURS, start=1):
        assert len(log.Images(f"{place} {colour}.png")) == 3
        assert log.Tensors(f"{place} {colour}.png/text_summary")


def interrupted_after(epochs):
    from training.optimisation.epoch import run_epoch

    def epoch_or_interrupt(stage, epoch, *others):
        if epoch == epochs:
            raise KeyboardInterrupt
        return run_epoch(stage, epoch, *others)

    return epoch_or_interrupt


def test_seed_reproduces_and_another_seed_differs(tiny_config, tmp_path):
    config = tiny_config(finetune={"epochs": 0})
    first, second = (train(config, tmp_path / name) for name in ("a", "b"))
    assert first == second == read_progress(tmp_path / "a/last.safetensors")
    other = train(dataclasses.replace(config, seed=2), tmp_path / "c")
    assert other.history[0]["loss"] != first.history[0]["loss"]


def test_a_config_without_epochs_is_refused(tiny_config, tmp_path):
    none = {"epochs": 0}
    with pytest.raises(ConfigError, match="found no epochs in frozen, finetune, self_critical"):
        train(tiny_config(frozen=none, finetune=none), tmp_path / "run")


@pytest.mark.parametrize("tool", ["train", "evaluate", "export", "average"])
def test_help_reads(tool):
    command = [sys.executable, "-m", f"training.{tool}", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"python -m training.{tool}" in done.stdout


def test_errors_are_one_line_and_status_2(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("name: x\n")
    command = [sys.executable, "-m", "training.train", "--config", str(config), "--output", "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: config: missing keys") and "Traceback" not in done.stderr
