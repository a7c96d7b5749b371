"""Rounding of a quantised graph's convolution weights so that the errors cancel on real inputs.

GPTQ (Frantar et al. 2022, algorithm 1): after a column of weights is rounded, the columns that are
still free make up for its error, as far as the inputs are correlated. Plain rounding of 7-bit
weights leaves twice the error.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor
from torch.nn.functional import unfold

_DAMPING = 0.01
_BLOCK = 128


def round_weights(source: Path, quantised: Path, batches: Iterable[NDArray[np.uint8]]) -> None:
    """Replace the weights and biases of a graph that ``quantize_static`` wrote, in place.

    Args:
        source: the float32 graph it was made from.
        quantised: QDQ graph with per-channel int8 weights and int32 biases.
        batches: frames, uint8 ``[B, S, S, 3]``.
    """
    convolutions = [n for n in onnx.load(source).graph.node if n.op_type == "Conv"]
    moments = _input_moments(source, convolutions, batches)
    exact, model = _initialisers(onnx.load(source)), onnx.load(quantised)
    stored = _initialisers(model)
    for node in convolutions:
        weight, bias = node.input[1], node.input[2]
        matrix = torch.from_numpy(numpy_helper.to_array(exact[weight]).copy()).flatten(1)
        scale = _array(stored[f"{weight}_scale"])
        old = _array(stored[f"{weight}_quantized"])
        rounded = gptq(matrix, moments[node.name].second, scale, int(old.abs().max()))
        # What rounding still shifts on average is taken out of the bias.
        shift = (rounded * scale[:, None] - matrix) @ moments[node.name].mean
        bias_steps = shift / _array(stored[f"{bias}_quantized_scale"])
        _store(stored[f"{weight}_quantized"], rounded.reshape(old.shape))
        _store(stored[f"{bias}_quantized"], _array(stored[f"{bias}_quantized"]) - bias_steps)
    onnx.save(model, quantised)


def gptq(weights: Tensor, second_moment: Tensor, scale: Tensor, limit: int) -> Tensor:
    """Round a layer's weights to whole steps.

    Args:
        weights: float32 ``[O, K]``.
        second_moment: ``[K, K]``, mean of x x^T over the layer's inputs.
        scale: ``[O]``, size of a step of each output channel.
        limit: largest absolute number of steps.

    Returns:
        float32 ``[O, K]`` whole numbers from ``-limit`` to ``limit``.
    """
    # Inputs that matter most come first, while every other column can still make up for them.
    order = second_moment.diagonal().argsort(descending=True)
    moment = second_moment[order][:, order].double()
    moment.diagonal().add_(_DAMPING * moment.diagonal().mean())
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(moment)))
    compensation = inverse.T.float()
    free, rounded = weights[:, order].clone(), torch.empty_like(weights)
    for first in range(0, free.shape[1], _BLOCK):
        block = slice(first, first + _BLOCK)
        errors = torch.zeros_like(free[:, block])
        for column in range(first, min(first + _BLOCK, free.shape[1])):
            steps = (free[:, column] / scale).round().clamp(-limit, limit)
            rounded[:, column] = steps
            error = (free[:, column] - steps * scale) / compensation[column, column]
            free[:, column : block.stop] -= (
                error[:, None] * compensation[column, column : block.stop]
            )
            errors[:, column - first] = error
        free[:, block.stop :] -= errors @ compensation[block, block.stop :]
    return rounded[:, order.argsort()]


class _Moments:
    """Mean and second moment of the columns that a convolution multiplies."""

    def __init__(self) -> None:
        self._sum: Any = 0.0
        self._products: Any = 0.0
        self._count = 0

    def add(self, columns: Tensor) -> None:
        """Take in ``[N, K]``."""
        self._sum = self._sum + columns.sum(dim=0)
        self._products = self._products + columns.T @ columns
        self._count += len(columns)

    @property
    def mean(self) -> Tensor:
        """``[K]``."""
        return torch.as_tensor(self._sum / self._count)

    @property
    def second(self) -> Tensor:
        """``[K, K]``."""
        return torch.as_tensor(self._products / self._count)


def _input_moments(
    source: Path, convolutions: list[Any], batches: Iterable[NDArray[np.uint8]]
) -> dict[str, _Moments]:
    moments = {node.name: _Moments() for node in convolutions}
    names = sorted({node.input[0] for node in convolutions})
    model = onnx.load(source)
    model.graph.output.extend(onnx.helper.make_tensor_value_info(n, 1, None) for n in names)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for frames in batches:
        inputs = dict(zip(names, session.run(names, {"frames": frames}), strict=True))
        for node in convolutions:
            moments[node.name].add(_columns(node, torch.from_numpy(inputs[node.input[0]])))
    return moments


def _columns(node: Any, maps: Tensor) -> Tensor:
    """``[N, K]``: what each output position of a convolution sees of its input ``[B, C, h, w]``."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    columns = unfold(
        maps,
        attributes["kernel_shape"],
        padding=attributes["pads"][:2],
        stride=attributes["strides"],
    )
    return columns.transpose(1, 2).flatten(0, 1)


def _initialisers(model: Any) -> dict[str, Any]:
    return {tensor.name: tensor for tensor in model.graph.initializer}


def _array(tensor: Any) -> Tensor:
    return torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))


def _store(tensor: Any, values: Tensor) -> None:
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    array = values.round().numpy().astype(dtype)
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
