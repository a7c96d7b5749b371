"""Average the weights of a run's best epochs, or of related runs, into a new run folder.

python -m training.average --run runs/flickr8k --output runs/averaged
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel

from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import user_path
from ros2_captioner.output_files import replace_file
from ros2_captioner.vocabulary import Vocabulary
from training.config.differences import architecture_differences
from training.config.settings import ConfigError
from training.model.captioning import weights_for
from training.optimisation.checkpoint import (
    Progress,
    load_checkpoint,
    read_progress,
    save_checkpoint,
)
from training.optimisation.new_folder import new_folder, refuse_existing
from training.optimisation.run import (
    BEST,
    COMMIT,
    CONFIG,
    EPOCH_FILES,
    VOCABULARY,
    Run,
    blank_model,
    joined_sources,
    load_run,
    read_config,
)

_EXPECTED = "expected runs that started from one another"


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.average",
        description="Average the weights of the epochs that a run kept (validation.keep) into a "
        "new run folder, which training.evaluate and training.export take like any other. Runs "
        "that started from one another may be averaged too (Wortsman et al. 2022).",
    )
    parser.add_argument("--run", type=user_path, required=True, help="run folder")
    parser.add_argument(
        "--weights",
        type=user_path,
        nargs="+",
        help="checkpoints; those that the run kept if not given",
    )
    parser.add_argument("--output", type=user_path, required=True, help="run folder to write")
    parsed = parser.parse_args(arguments)
    files = average(parsed.run, parsed.output, parsed.weights)
    print(f"averaged {', '.join(map(str, files))} into {parsed.output}")
    return 0


def average(folder: Path, output: Path, files: Sequence[Path] | None = None) -> Sequence[Path]:
    """Write the average, with the longest of their histories; returns the files that went into it.

    Args:
        folder: of the run whose config and vocabulary the new one takes.
        output: run folder to write.
        files: checkpoints of the same architecture; the epochs that the run kept if None.

    Raises:
        ConfigError: there are fewer than two files, one does not fit or is of other words, or
            ``output`` exists.
    """
    run = load_run(folder)
    files = files or _kept(folder)
    if len(files) < 2:
        raise ConfigError("found 1 file in --weights; expected two or more")
    refuse_existing(output)
    averaged, evidence = AveragedModel(run.model), run.model.evidence_ids.clone()
    for file in files:
        model = blank_model(run.config.model, _words_of(file, run))
        load_checkpoint(file, model)
        if not torch.equal(model.evidence_ids, evidence):
            raise ConfigError(f"{file} gives evidence for other words than {folder}; {_EXPECTED}")
        run.model.load_state_dict(weights_for(model, len(run.vocabulary)))
        averaged.update_parameters(run.model)
    every = [read_progress(file) for file in files]
    longest = max((progress.history for progress in every), key=len)
    sources = joined_sources(run.sources, *(progress.sources for progress in every))
    with new_folder(output) as new:
        for name in (CONFIG, VOCABULARY, COMMIT):
            replace_file(new / name, (folder / name).read_bytes())
        save_checkpoint(new / BEST, averaged.module, Progress.after(longest, sources))
    return files


def _words_of(file: Path, run: Run) -> Vocabulary:
    """The vocabulary of a checkpoint: the run's, or its beginning if it learnt further words later.

    Raises:
        ConfigError: weights of other words or strides, which may fit all the same, and whose
            average means nothing.
    """
    words, config = file.parent / VOCABULARY, file.parent / CONFIG
    vocabulary = Vocabulary.read(words) if words.is_file() else run.vocabulary
    if run.vocabulary.words[: len(vocabulary)] != vocabulary.words:
        raise ConfigError(
            f"{file} is of a run with other words, see {words}; {_EXPECTED}, the last of them as "
            "--run"
        )
    if config.is_file():
        found = architecture_differences(read_config(config).model, run.config.model)
        if found:
            raise ConfigError(
                f"{file} is of another architecture ({'; '.join(found)}); {_EXPECTED}"
            )
    return vocabulary


def _kept(folder: Path) -> list[Path]:
    files = sorted(folder.glob(EPOCH_FILES))
    if len(files) < 2:
        raise ConfigError(
            f"epochs that {folder} kept: {len(files)}; expected two or more: train with "
            "--set validation.keep=3"
        )
    return files


if __name__ == "__main__":
    sys.exit(main())
