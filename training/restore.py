"""Make a run folder out of a bundle, to train on from a model of which only the bundle is left.

python -m training.restore --bundle BUNDLE --config training/configs/flickr8k.yaml --output runs/old
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from ros2_captioner.bundle import Bundle, load_bundle
from ros2_captioner.bundle.manifest import search_of
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import user_path
from ros2_captioner.output_files import replace_file
from training.config.arguments import add_config
from training.config.file import load_config
from training.config.settings import SEARCH, ConfigError, ModelConfig, TrainConfig
from training.model.captioning import CaptionModel
from training.optimisation.checkpoint import Progress, save_checkpoint
from training.optimisation.run import (
    BEST,
    COMMIT,
    CONFIG,
    VOCABULARY,
    architecture_differences,
    blank_model,
    write_config,
)

_PREFERRED = ("float32", "float16")
_SHORTCUTS = 3  # of a ResNet, whose 1x1 convolutions halve the map in every version
_IDS, _PLACES = "decoder.evidence.ids", "decoder.evidence.places"


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
    if os.path.lexists(output):
        raise ConfigError(f"{output} exists; choose another --output, or delete it")
    model = restored_model(bundle, config.model)
    output.mkdir(parents=True)
    training = bundle.manifest["training"]
    write_config(output / CONFIG, _as_bundled(config, bundle.manifest))
    replace_file(output / VOCABULARY, bundle.vocabulary.to_json().encode())
    replace_file(output / COMMIT, training["commit"].encode())
    progress = Progress.after(training["history"], training.get("sources", []))
    save_checkpoint(output / BEST, model, progress)


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


def model_config(bundle: Bundle) -> ModelConfig:
    """The architecture of a bundle, with random start weights; see `restored_model`.

    Raises:
        ConfigError: the bundle has no float variant.
    """
    architecture = bundle.manifest["architecture"]
    return ModelConfig(
        encoder=architecture["encoder"],
        encoder_weights="random",
        decoder=architecture["decoder"].removesuffix("_lstm"),
        image_size=bundle.image_size,
        width=architecture["width"],
        hidden=architecture["hidden"],
        evidence_words=architecture.get("evidence_words", 0),
        stride_in_1x1=_strides_in_1x1(bundle) > _SHORTCUTS,
    )


def _strides_in_1x1(bundle: Bundle) -> int:
    """How many 1x1 convolutions of the encoder halve the map; the manifest does not say where."""
    graph = onnx.load(bundle.graph(_float_variant(bundle), "encoder")).graph
    attributes = (
        {attribute.name: list(attribute.ints) for attribute in node.attribute}
        for node in graph.node
        if node.op_type == "Conv"
    )
    return sum(
        each.get("kernel_shape") == [1, 1] and each.get("strides") == [2, 2] for each in attributes
    )


def restored_model(bundle: Bundle, config: ModelConfig) -> CaptionModel:
    """A model with the weights of the bundle's float variant; see `restore`."""
    different = architecture_differences(model_config(bundle), config)
    if different:  # some would fit all the same: strides, the size of the images
        raise ConfigError(
            f"{bundle.path} is of another architecture ({'; '.join(different)}); expected it in "
            "the config's model section"
        )
    precision = _float_variant(bundle)
    model = blank_model(config, bundle.vocabulary)
    weights = {
        **_weights(bundle.graph(precision, "encoder"), "model."),
        **_weights(bundle.graph(precision, "decoder"), ""),
    }
    if _PLACES in weights:
        # A word without evidence has the place after the last.
        weights[_IDS] = weights[_PLACES].argsort()[: config.evidence_words]
    missing = sorted(set(model.state_dict()) - set(weights))
    if missing:
        raise ConfigError(
            f"{bundle.path} has no weights {missing[:3]} ({len(missing)} are missing); expected a "
            f"{config.encoder} with the decoder {config.decoder} as this training.export writes it"
        )
    try:
        model.load_state_dict({name: weights[name] for name in model.state_dict()})
    except RuntimeError as error:
        raise ConfigError(f"{bundle.path} does not fit the config: {error}") from error
    return model


def _float_variant(bundle: Bundle) -> str:
    found = [name for name in _PREFERRED if name in bundle.precisions]
    if not found:
        raise ConfigError(
            f"{bundle.path} carries {list(bundle.precisions)}; expected one of {list(_PREFERRED)}"
        )
    return found[0]


def _weights(graph: Path, prefix: str) -> dict[str, Tensor]:
    """A graph's constants as float32, by the names that the model gives them."""
    tensors: dict[str, Tensor] = {}
    for constant in onnx.load(graph).graph.initializer:
        tensor = torch.from_numpy(numpy_helper.to_array(constant).copy())
        name = constant.name.removeprefix(prefix)
        turned = name.endswith(".T")
        tensors[name.removesuffix(".T")] = (tensor.T if turned else tensor).float()
    return tensors


if __name__ == "__main__":
    sys.exit(main())
