"""Images a second of training all layers, for each way that this machine can train.

python -m benchmarks.training_step --config training/configs/flickr8k.yaml

Arithmetic (float32, or what ``auto`` chooses) and processes (one with all cores, or as many as
there are cores with one thread each, as torchrun starts them) take turns.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import median

from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import at_least_one
from training.config.arguments import add_config
from training.config.file import load_config
from training.config.settings import ConfigError
from training.data.sources import read_training
from training.data.words import build_vocabulary
from training.machine import distributed
from training.machine.allocator import keep_freed_memory
from training.model.captioning import build_model
from training.optimisation.stages import Splits, Stage

_STAGE = "finetune"
_WARM_UP = 1
_WAYS = [(precision, together) for precision in ("float32", "auto") for together in (False, True)]


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; below torchrun it measures this process's share."""
    parsed = _parser().parse_args(arguments)
    if "RANK" in os.environ:
        _measure(parsed)
        return 0
    turns = [{way: _speed(parsed, *way) for way in _WAYS} for _ in range(parsed.rounds)]
    speeds = {way: median(turn[way] for turn in turns) for way in _WAYS}
    slowest = speeds["float32", False]
    print("precision  processes  images/s  times float32 in one process")
    for (precision, together), speed in speeds.items():
        count = os.cpu_count() if together else 1
        print(f"{precision:9}  {count:9}  {speed:8.1f}  {speed / slowest:.2f}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training_step", description=(__doc__ or "").split("\n\n")[0]
    )
    add_config(parser, "data and model")
    parser.add_argument("--steps", type=at_least_one, default=4, help="steps timed at a time")
    parser.add_argument("--rounds", type=at_least_one, default=3, help="turns of each way")
    return parser


def _speed(parsed: argparse.Namespace, precision: str, together: bool) -> float:
    """Images a second of one way, in processes of its own."""
    cores = os.cpu_count() or 1
    processes = cores if together else 1
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python"]
    line += [f"--nproc-per-node={processes}", sys.executable, "-m", "benchmarks.training_step"]
    line += ["--config", str(parsed.config), "--steps", str(parsed.steps)]
    for override in [*(parsed.set or []), f"optim.precision={precision}"]:
        line += ["--set", override]
    environment = {**os.environ, "OMP_NUM_THREADS": str(cores // processes)}
    done = subprocess.run(line, env=environment, stdout=subprocess.PIPE)
    if done.returncode:
        raise ConfigError(f"{shlex.join(line)}: ended with status {done.returncode}, see above")
    return float(done.stdout)


def _measure(parsed: argparse.Namespace) -> None:
    keep_freed_memory()
    config = load_config(parsed.config, parsed.set)
    data = read_training(config.data)
    vocabulary = build_vocabulary(data.captions, config.data.min_word_count)
    with distributed.processes("cpu"), tempfile.TemporaryDirectory() as cache:
        model = build_model(config.model, len(vocabulary))
        stage = Stage(_STAGE, config, model, Splits(data, {}, vocabulary), Path(cache))
        steps = _WARM_UP + parsed.steps
        batches = stage.batches(0)
        if len(batches) < steps:
            raise ConfigError(
                f"found {len(batches)} steps in an epoch; expected {steps}: lower --steps or "
                f"{_STAGE}.batch"
            )
        begun_s = time.perf_counter()
        for index, (batch, sentences) in enumerate(islice(batches, steps)):
            if index == _WARM_UP:
                begun_s = time.perf_counter()
            stage.step(batch, index, steps, sentences)
        spent_s = time.perf_counter() - begun_s
        if distributed.rank() == 0:
            print(parsed.steps * stage.settings.batch / spent_s)


if __name__ == "__main__":
    sys.exit(main())
