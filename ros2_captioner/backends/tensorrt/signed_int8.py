"""The bundle's int8 encoder in the form that TensorRT takes: signed, symmetric, float16 between.

ONNX Runtime's form has unsigned activations, offsets and quantised biases, all of which TensorRT
refuses. Both say the same up to rounding, so one file serves both.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.command_line.installing import pip_line
from ros2_captioner.errors import BackendError

REVISION = "1"  # of what is made of a file; engines of another one are stale
_PRODUCTS = ("Conv", "MatMul", "Gemm", "MaxPool")
_UNSIGNED_STEPS, _SIGNED_STEPS = 255, 127


def import_onnx() -> Any:
    """The package onnx, which nothing else needs at run time.

    Raises:
        BackendError: it is missing.
    """
    try:
        import onnx
    except ImportError as error:
        raise BackendError(
            f"precision int8 of TensorRT needs the package onnx ({error}); type: {pip_line('onnx')}"
        ) from error
    return onnx


def signed_encoder(file: Path) -> bytes:
    """Rewrite a graph with uint8 activations, as `onnxruntime.quantization` makes it.

    Activations are signed and symmetric over the same range; what no product reads, such as
    addends of a residual sum, is no longer rounded; weights stay as they are. All else, outputs
    included, is float16.

    Args:
        file: ONNX with QuantizeLinear and DequantizeLinear.

    Returns:
        The serialised ONNX model.

    Raises:
        BackendError: the package onnx is missing.
    """
    onnx = import_onnx()
    model = onnx.load(file)
    _Rewriting(onnx, model.graph).run()
    return bytes(model.SerializeToString())


class _Rewriting:
    """One pass over the nodes of a graph, which come in the order of their execution."""

    def __init__(self, onnx: Any, graph: Any) -> None:
        self._onnx, self._graph = onnx, graph
        self._constants: dict[str, NDArray[Any]] = {
            tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer
        }
        self._readers: defaultdict[str, set[str]] = defaultdict(set)
        for node in graph.node:
            for name in node.input:
                self._readers[name].add(node.op_type)
        self._activations: dict[str, str] = {}  # quantised name to the float one
        self._nodes: list[Any] = []

    def run(self) -> None:
        """Rewrite the graph in place."""
        for node in self._graph.node:
            if node.op_type == "QuantizeLinear":
                self._activations[node.output[0]] = self._rectified(node)
            elif node.op_type != "DequantizeLinear":
                self._keep(node)
            elif node.input[0] in self._constants:
                self._constant(node)
            else:
                self._activation(node)
        read = {name for node in self._nodes for name in node.input}
        tensors = [
            self._onnx.numpy_helper.from_array(_half(array), name)
            for name, array in self._constants.items()
            if name in read
        ]
        for field, entries in (("node", self._nodes), ("initializer", tensors)):
            self._graph.ClearField(field)
            getattr(self._graph, field).extend(entries)
        self._graph.ClearField("value_info")
        for output in self._graph.output:
            output.type.tensor_type.elem_type = self._onnx.TensorProto.FLOAT16

    def _emit(self, kind: str, inputs: list[str], output: str) -> str:
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [output]))
        return output

    def _rectified(self, node: Any) -> str:
        """What is quantised; an offset of zero cut off what is negative and replaced a ReLU."""
        name, _, offset = node.input
        if self._constants[offset]:
            return str(name)
        return self._emit("Relu", [name], f"{name}_rectified")

    def _activation(self, node: Any) -> None:
        quantised, scale, offset = node.input
        source, target = self._activations[quantised], node.output[0]
        if not self._readers[target].intersection(_PRODUCTS):
            self._emit("Identity", [source], target)
            return
        zero = int(self._constants[offset])
        steps = max(zero, _UNSIGNED_STEPS - zero)
        parameters = [f"{target}_scale", f"{target}_zero"]
        self._constants[parameters[0]] = self._constants[scale] * np.float32(steps / _SIGNED_STEPS)
        self._constants[parameters[1]] = np.int8(0)
        signed = self._emit("QuantizeLinear", [source, *parameters], f"{target}_signed")
        self._emit("DequantizeLinear", [signed, *parameters], target)

    def _constant(self, node: Any) -> None:
        """Weights stay in 8 bits; biases, in 32 or unsigned, become floats."""
        values, scale, offset = (self._constants[name] for name in node.input)
        if values.dtype == np.int8:
            self._nodes.append(node)
        else:
            # In floats: unsigned differences would wrap around.
            self._constants[node.output[0]] = scale * (np.float32(values) - np.float32(offset))

    def _keep(self, node: Any) -> None:
        if node.op_type == "Cast":
            node.attribute[0].i = self._onnx.TensorProto.FLOAT16
        self._nodes.append(node)


def _half(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float16) if array.dtype == np.float32 else np.asarray(array)
