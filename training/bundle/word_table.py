"""What the decoder multiplies of a word alone, computed for every word when the graph is written.

A row of a constant table times a constant matrix is a row of another constant table: the product
of the whole vocabulary. Reading one row of it takes the place of reading the matrix in every step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

_INT8_LARGEST = 127


def tabulate_words(model: Any) -> None:
    """Replace word embedding, product and bias by one table of int8 rows, in place.

    Args:
        model: float32 ONNX decoder in which ``Gather(table, tokens)`` feeds a MatMul with a
            constant matrix, and that an Add with a constant bias.

    Raises:
        ValueError: the graph multiplies no gathered word.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    gather = _reader(graph, "tokens", "Gather", constants)
    product = _reader(graph, gather.output[0], "MatMul", constants)
    biased = _reader(graph, product.output[0], "Add", constants)
    bias = next(name for name in biased.input if name in constants)
    table = numpy_helper.to_array(constants[gather.input[0]]) @ numpy_helper.to_array(
        constants[product.input[1]]
    ) + numpy_helper.to_array(constants[bias])
    steps, sizes = _int8_rows(table)
    graph.initializer.append(numpy_helper.from_array(steps, "words_int8"))
    graph.initializer.append(numpy_helper.from_array(sizes, "words_scale"))
    place = list(graph.node).index(gather)
    for node in (gather, product, biased):
        graph.node.remove(node)
    lookup = [
        helper.make_node("Gather", ["words_int8", "tokens"], ["word_int8"]),
        helper.make_node("Gather", ["words_scale", "tokens"], ["word_scale"]),
        helper.make_node("Cast", ["word_int8"], ["word_steps"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", ["word_steps", "word_scale"], [biased.output[0]]),
    ]
    for offset, node in enumerate(lookup):
        graph.node.insert(place + offset, node)
    _drop_unread(graph)


def _reader(graph: Any, name: str, kind: str, constants: dict[str, Any]) -> Any:
    """The node of this kind that reads ``name`` together with a constant."""
    for node in graph.node:
        if node.op_type == kind and name in node.input and constants.keys() & set(node.input):
            return node
    raise ValueError(f"found no {kind} of {name} with a constant; expected the decoder's graph")


def _int8_rows(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Rows in whole steps, and the size of a step of each row, ``[V, 1]``."""
    sizes = np.abs(table).max(axis=1, keepdims=True) / _INT8_LARGEST
    return np.round(table / sizes).astype(np.int8), sizes.astype(np.float32)


def _drop_unread(graph: Any) -> None:
    read = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)
