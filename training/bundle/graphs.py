"""The two ONNX graphs of the bundle contract, exported from the torch model."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from ros2_captioner.evidence.objects import EVIDENCE
from training.model.captioning import CaptionModel
from training.scoring.decode import candidates

ENCODER_OUTPUTS = ("features", "keys", "h0", "c0")
DECODER_INPUTS = ("tokens", "reorder", "h", "c", "features", "keys")
DECODER_OUTPUTS = ("log_probs", "ids", "h_next", "c_next", "attention")
STATE = {"h": "h_next", "c": "c_next"}
OPSET = 20


class EncoderGraph(nn.Module):
    """``frames`` to everything that the decoder needs of an image, once."""

    def __init__(self, model: CaptionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        """uint8 ``[B, S, S, 3]`` to features, keys, h0, c0, and evidence if the model has it."""
        prepared = self.model.prepare(frames)
        found = (prepared.features, prepared.keys, prepared.h0, prepared.c0)
        return found if prepared.evidence is None else (*found, prepared.evidence)


class DecoderGraph(nn.Module):
    """One step for B images and K beams."""

    def __init__(self, model: CaptionModel) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(
        self,
        tokens: Tensor,
        reorder: Tensor,
        h: Tensor,
        c: Tensor,
        features: Tensor,
        keys: Tensor,
        evidence: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Shapes as in the contract; the reorder is a product, so the graph needs no gather."""
        logits, h, c, attention = self.decoder.step(
            tokens, reorder @ h, reorder @ c, features, keys, evidence
        )
        log_probs, ids = candidates(logits)
        return log_probs, ids, h, c, attention.float()


def export_graphs(model: CaptionModel, size: int, encoder: Path, decoder: Path) -> None:
    """Write both graphs in the model's own precision, float32 or float16, as single files.

    Args:
        model: in eval mode, on the CPU.
        size: side of the frames in pixels.
        encoder: file to write.
        decoder: file to write.
    """
    # A batch of 2 and 3 beams: sizes of 1 would be taken for constants.
    frames = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with torch.inference_mode():
        features, keys, h0, c0, *evidence = EncoderGraph(model)(frames)
    rows = [state[:, None].repeat(1, 3, 1) for state in (h0, c0)]
    named = (EVIDENCE,) if evidence else ()
    tokens = torch.zeros(2, 3, dtype=torch.int32)
    reorder = torch.eye(3, dtype=h0.dtype).repeat(2, 1, 1)
    batch, beams = torch.export.Dim("B", min=1, max=512), torch.export.Dim("K", min=1, max=16)
    outputs = ENCODER_OUTPUTS + named
    _export(EncoderGraph(model), (frames,), ({0: batch},), ("frames",), outputs, encoder)
    _export(
        DecoderGraph(model),
        (tokens, reorder, *rows, features, keys, *evidence),
        (
            {0: batch, 1: beams},
            {0: batch, 1: beams, 2: beams},
            {0: batch, 1: beams},
            {0: batch, 1: beams},
            *[{0: batch}] * (2 + len(evidence)),
        ),
        DECODER_INPUTS + named,
        DECODER_OUTPUTS,
        decoder,
    )


def _export(
    graph: nn.Module,
    inputs: tuple[Tensor, ...],
    dynamic: tuple[dict[int, Any], ...],
    input_names: tuple[str, ...],
    output_names: tuple[str, ...],
    file: Path,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.eval(),
            inputs,
            file,
            input_names=input_names,
            output_names=output_names,
            dynamic_shapes=dynamic,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(file)
    _strip_metadata(model)
    _bring_back_biases(model.graph, graph.state_dict())
    _name_folded_weights(model.graph, graph.state_dict())
    onnx.save(model, file)


def _strip_metadata(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes, in place: they hold stack traces with this machine's paths."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for tensor in graph.initializer:
        tensor.ClearField("doc_string")
        tensor.ClearField("metadata_props")


def _bring_back_biases(graph: onnx.GraphProto, weights: dict[str, Tensor]) -> None:
    """Give each convolution a bias of its own, in place.

    The exporter drops those that are zero and keeps one of those that are equal. So they are where
    start weights are random, trained or not: a shortcut's bias has the gradient of that beside it.
    Quantising corrects each by itself, and `training.bundle.weights` looks for it.
    """
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        name = f"{node.input[1].removesuffix('weight')}bias"
        if list(node.input[2:]) != [name]:
            node.input[2:] = [name]
            graph.initializer.append(numpy_helper.from_array(weights[name].numpy(), name))


def _name_folded_weights(graph: onnx.GraphProto, weights: dict[str, Tensor]) -> None:
    """Give back their names to what the exporter stored under another, in place.

    It does so with matrices that it transposes, and with indices. ``decoder.query.weight`` then
    stands in the graph as itself or as ``decoder.query.weight.T``, which is how
    `training.bundle.weights` finds it.
    """
    by_content = {
        weight.T.contiguous().numpy().tobytes(): f"{name}.T"
        for name, weight in weights.items()
        if weight.dim() == 2
    } | {
        weight.numpy().tobytes(): name
        for name, weight in weights.items()
        if not weight.is_floating_point()
    }
    for tensor in graph.initializer:
        name = by_content.get(numpy_helper.to_array(tensor).tobytes())
        if name is None:
            continue
        for node in graph.node:
            node.input[:] = [name if used == tensor.name else used for used in node.input]
        tensor.name = name


def describe(file: Path) -> dict[str, dict[str, Any]]:
    """Inputs and outputs of a graph as the manifest lists them: name to dtype and shape."""
    graph = onnx.load(file, load_external_data=False).graph
    return {"inputs": _tensors(graph.input), "outputs": _tensors(graph.output)}


def _tensors(values: Any) -> dict[str, Any]:
    return {
        value.name: {
            "dtype": _dtype(value.type.tensor_type.elem_type),
            "shape": [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim],
        }
        for value in values
    }


def _dtype(element: int) -> str:
    return str(onnx.helper.tensor_dtype_to_np_dtype(element))
