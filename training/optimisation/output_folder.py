"""The output folder of a training: whose it is, and what each epoch leaves in it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from ros2_captioner.output_files import only_writer, replace_file
from ros2_captioner.vocabulary import Vocabulary
from training.config.differences import differences
from training.config.settings import ConfigError, TrainConfig
from training.machine import distributed
from training.optimisation.checkpoint import Progress, read_progress, save_checkpoint
from training.optimisation.run import (
    BEST,
    COMMIT,
    CONFIG,
    EPOCH_FILES,
    LAST,
    VOCABULARY,
    epoch_file,
    read_config,
    write_config,
)
from training.optimisation.stages import Stage

# What a run may be resumed with that it did not begin with: it changes results by chance alone.
_OF_THE_MACHINE = ("optim.workers:", "optim.parts:", "validation.batch:")


def refuse_another_run(output: Path, config: TrainConfig) -> None:
    """Refuse to mix two configs in one folder, and what is no folder of a run.

    Raises:
        ConfigError: the folder holds another run, or something else.
    """
    if output.exists() and not output.is_dir():
        raise ConfigError(f"--output {output} is a file; expected a folder")
    file = output / CONFIG
    if not file.is_file():
        left = next(chain(output.glob("*.safetensors"), output.glob(VOCABULARY)), None)
        if left:  # it would be gone on from, or written over, as a vocabulary
            raise ConfigError(
                f"{output} holds {left.name} without {CONFIG}; expected a run or none: choose "
                "another --output"
            )
        return
    found = differences(read_config(file), config)
    different = [fault for fault in found if not fault.startswith(_OF_THE_MACHINE)]
    if different:
        raise ConfigError(
            f"{output} holds a run with another config ({'; '.join(different[:3])}); choose "
            "another --output, or delete it; --set start_from=... goes on from a run's best weights"
        )
    if (output / BEST).is_file() and not read_progress(output / BEST).own:
        raise ConfigError(
            f"{output} holds {BEST} of training.average or training.restore, which the first epoch "
            "would replace; choose another --output, and go on from it with --set "
            + shlex.quote(f"start_from={output}")
        )


def refuse_other_words(output: Path, vocabulary: Vocabulary) -> None:
    """Refuse to go on with a run whose captions have changed: its weights know other words.

    Raises:
        ConfigError: the words differ from those that the run began with.
    """
    file = output / VOCABULARY
    begun = file.is_file() or (output / LAST).is_file()
    if begun and Vocabulary.read(file).words != vocabulary.words:
        raise ConfigError(
            f"{file} holds other words than the training captions; expected those that the run "
            "began with: choose another --output, or bring them back"
        )


def claim(output: Path, config: TrainConfig, vocabulary: Vocabulary) -> None:
    """Make the folder this run's, unless it is already."""
    if (output / VOCABULARY).is_file():
        return
    replace_file(output / COMMIT, current_commit().encode())
    write_config(output / CONFIG, config)
    # Last, as without a config it would be something else's, see `refuse_another_run`.
    replace_file(output / VOCABULARY, vocabulary.to_json().encode())


def current_commit() -> str:
    """Of this code, wherever it is called from, or ``unknown``."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


@contextmanager
def only_run_in(output: Path) -> Iterator[None]:
    """Make the run folder, and keep other runs out of it; their checkpoints would mix.

    Raises:
        CaptionerError: another run is writing it.
    """
    if distributed.rank() > 0:
        yield
        return
    output.mkdir(parents=True, exist_ok=True)
    with only_writer(output, output):
        yield


def save_epoch(output: Path, stage: Stage, progress: Progress) -> None:
    """Write what an epoch leaves behind.

    Args:
        output: run folder.
        stage: holds the weights.
        progress: with this epoch.
    """
    if progress.own[-1]["CIDEr"] >= progress.best_cider:
        save_checkpoint(output / BEST, stage.averaged, progress)
    _keep_best(output, stage, progress)
    # Last of all: what it holds is done, and a run that ends before does the epoch again.
    save_checkpoint(output / LAST, stage.model, progress, stage.state)


def _keep_best(output: Path, stage: Stage, progress: Progress) -> None:
    """Keep the weights of the run's own epochs with the highest CIDEr, and no others.

    Args:
        output: run folder.
        stage: holds the weights of the newest epoch.
        progress: with it; is kept with the weights.
    """
    keep = stage.config.validation.keep
    ranked = sorted(progress.own, key=lambda entry: entry["CIDEr"], reverse=True)[:keep]
    kept = {epoch_file(output, entry["epoch"]) for entry in ranked}
    newest = epoch_file(output, progress.own[-1]["epoch"])
    if newest in kept:
        save_checkpoint(newest, stage.averaged, progress)
    for file in set(output.glob(EPOCH_FILES)) - kept:
        file.unlink()
