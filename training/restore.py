"""Make a run folder out of a bundle, to train on from a model of which only the bundle is left.

python -m training.restore --bundle BUNDLE --config training/configs/flickr8k.yaml --output runs/old
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ros2_captioner.bundle import Bundle, load_bundle
from ros2_captioner.bundle.manifest import search_of
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import user_path
from ros2_captioner.output_files import replace_file
from training.bundle.weights import restored_model
from training.config.arguments import add_config
from training.config.file import load_config
from training.config.settings import SEARCH, TrainConfig
from training.optimisation.checkpoint import Progress, save_checkpoint
from training.optimisation.new_folder import new_folder, refuse_existing
from training.optimisation.run import (
    BEST,
    COMMIT,
    CONFIG,
    VOCABULARY,
    write_config,
)


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.restore",
        description="Write a run folder with the weights of a bundle's float variant, for "
        "start_from in a config, for training.average and for training.evaluate.",
    )
    parser.add_argument("--bundle", type=user_path, required=True, help="model bundle")
    add_config(parser, "the data and the architecture")
    parser.add_argument("--output", type=user_path, required=True, help="run folder to write")
    parsed = parser.parse_args(arguments)
    restore(load_bundle(parsed.bundle), load_config(parsed.config, parsed.set), parsed.output)
    typed = shlex.quote(f"start_from={parsed.output}")
    print(f"wrote {parsed.output}; go on with --set {typed}")
    return 0


def restore(bundle: Bundle, config: TrainConfig, output: Path) -> None:
    """Write the run folder; of a float16 variant, weights are those that it rounded to.

    Args:
        bundle: verified model.
        config: its model section must describe the bundle's architecture.
        output: run folder to write.

    Raises:
        ConfigError: the bundle has no float variant, is of another architecture or older than
            the names of its weights, or ``output`` exists.
    """
    refuse_existing(output)
    model = restored_model(bundle, config.model)
    training = bundle.manifest["training"]
    progress = Progress.after(training["history"], training.get("sources", []))
    with new_folder(output) as new:
        write_config(new / CONFIG, _as_bundled(config, bundle.manifest))
        replace_file(new / VOCABULARY, bundle.vocabulary.to_json().encode())
        replace_file(new / COMMIT, training["commit"].encode())
        save_checkpoint(new / BEST, model, progress)


def _as_bundled(config: TrainConfig, manifest: Mapping[str, Any]) -> TrainConfig:
    """The config with what the manifest knows better: start weights and the search."""
    start = manifest["training"].get("encoder_weights", config.model.encoder_weights)
    search = search_of(manifest)
    searched = {name: getattr(search, name) for name in SEARCH}
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, encoder_weights=start),
        validation=dataclasses.replace(config.validation, **searched),
    )


if __name__ == "__main__":
    sys.exit(main())
