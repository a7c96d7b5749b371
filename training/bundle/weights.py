"""The torch model that a bundle was exported from, read from the weights in its graphs."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from ros2_captioner.bundle import Bundle
from training.config.differences import architecture_differences
from training.config.settings import ConfigError, ModelConfig
from training.model.captioning import CaptionModel
from training.optimisation.run import blank_model

_PREFERRED = ("float32", "float16")
_SHORTCUTS = 3  # of a ResNet, whose 1x1 convolutions halve the map in every version
_IDS, _PLACES = "decoder.evidence.ids", "decoder.evidence.places"


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
    """A model with the weights of the bundle's float variant; see `training.restore`."""
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
