"""The recipe of docs/coco.md, command by command, on COCO's layout with a few images."""

import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml
from coco_layout import BROKEN, REPEATED, write_coco
from tiny import ROOT

from ros2_captioner.bundle import load_bundle

CONFIG = "training/configs/coco.yaml"
# Seconds instead of days; what is not named here is as the recipe has it.
SHORT = {
    "model": {
        "encoder": "resnet18", "encoder_weights": "random", "image_size": 64,
        "width": 32, "hidden": 48,
    },
    "frozen": {"epochs": 1, "batch": 4, "warmup_steps": 1},
    "finetune": {"epochs": 1, "batch": 4, "warmup_steps": 1},
    "self_critical": {"epochs": 1, "batch": 4, "warmup_steps": 1},
    "optim": {"ema_decay": 0.5, "workers": 1},
    "data": {"min_word_count": 1},
}  # fmt: skip
# The run time has its own environment, without torch.
RUNTIME = os.environ.get("RUNTIME_PYTHON", str(ROOT / ".venv/bin/python"))
CAPTION = """
import sys
from pathlib import Path
from ros2_captioner.images.files import read_image
from ros_harness import Client, running_node
client = Client()
with running_node(Path("."), model=sys.argv[1]):
    print(client.caption_of(read_image(Path(sys.argv[2])))["caption"])
client.close()
"""


def recipe():
    """The commands of the page; training in several processes before training in one."""
    text = (ROOT / "docs/coco.md").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    commands = [line for line in lines if line.startswith(("python -m ", "torchrun "))]
    commands.sort(key=lambda line: not line.startswith(("python -m training.prepare", "torchrun")))
    return [line.replace("--nproc-per-node 8", "--nproc-per-node 2") for line in commands]


@pytest.fixture
def work(tmp_path):
    """A folder that looks like a checkout with data, as far as the recipe goes."""
    write_coco(tmp_path / "data/coco")
    config = yaml.safe_load((ROOT / CONFIG).read_text())
    for section, values in SHORT.items():
        config[section] = config.get(section, {}) | values
    (tmp_path / CONFIG).parent.mkdir(parents=True)
    (tmp_path / CONFIG).write_text(yaml.safe_dump(config))
    return tmp_path


def run(work, command):
    """Run a line of the recipe with this environment's Python; returns what it printed."""
    program, *arguments = shlex.split(command)
    module = ["-m", "torch.distributed.run"] if program == "torchrun" else []
    done = subprocess.run(
        [sys.executable, *module, *arguments],
        cwd=work,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_recipe_runs_from_the_archives_to_the_node(work):
    said = {}
    for command in recipe():
        if "--record" in command and not shutil.which("java"):
            command = command.replace("--record", "")
        said[command.partition(" --")[0]] = run(work, command)

    prepared = said["python -m training.prepare"]
    assert "train: 18 images listed, 16 without fault" in prepared
    assert f"unusable image: 1\n    train2014/{BROKEN} (train)" in prepared
    assert f"same image in both splits: 1\n    train2014/{REPEATED} = " in prepared
    assert said["torchrun"].count("best validation CIDEr") == 1
    assert "epoch 1" not in said["python -m training.train"], "a finished run trains no more"

    bundle = load_bundle(work / "bundles/coco")
    assert set(bundle.precisions) == {"float16", "int8"}
    history = bundle.manifest["training"]["history"]
    assert [entry["stage"] for entry in history] == ["frozen", "finetune", "self_critical"]
    if shutil.which("java"):
        assert set(bundle.manifest["metrics"]) == {"float16", "int8"}
    assert "<img src=" in (work / "coco.html").read_text()
    node_captions(work)


def node_captions(work):
    if not os.path.exists(RUNTIME):
        pytest.skip(f"all but the node: no {RUNTIME}; type: make test-runtime")
    image = next((work / "data/coco/val2014").glob("*.jpg"))
    path = os.pathsep.join([str(ROOT), str(ROOT / "test/support/processes")])
    done = subprocess.run(
        [RUNTIME, "-c", CAPTION, "bundles/coco", str(image)],
        cwd=work,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_files_of_2017_are_read_as_well(work):
    folder = "data/coco"
    said = run(
        work,
        f"python -m training.prepare --images {folder}/train2017 --val-images {folder}/val2017 "
        f"--train {folder}/captions_train2017.json --val {folder}/captions_val2017.json "
        f"--skip-to {folder}/checked.json",
    )
    assert "train: 4 images listed, 4 without fault" in said
    assert "val: 2 images listed, 2 without fault" in said
    entries = json.loads((work / folder / "checked.json").read_text())["images"]
    assert [entry["split"] for entry in entries] == ["train"] * 4 + ["val"] * 2
