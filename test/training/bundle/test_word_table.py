"""The table of words in the int8 decoder."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from training.bundle.word_table import tabulate_words

WORDS, HIDDEN, GATES = 30, 16, 40


def decoder(*, gathered=True, multiplied=True):
    """``Gather, MatMul, Add`` as a decoder begins, then an Identity that stands for the rest."""
    draw = np.random.default_rng(0)
    arrays = {
        "embedding": draw.normal(size=(WORDS, HIDDEN)),
        "weight": draw.normal(size=(HIDDEN, GATES)),
        "bias": draw.normal(size=GATES),
    }
    nodes = [
        helper.make_node("Gather", ["embedding", "tokens"], ["word"]),
        helper.make_node("MatMul", ["word", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sums"]),
        helper.make_node("Identity", ["sums" if multiplied else "word"], ["result"]),
    ]
    if not gathered:
        nodes[0] = helper.make_node("OneHot", ["tokens", "embedding", "bias"], ["word"])
    graph = helper.make_graph(
        nodes if multiplied else [nodes[0], nodes[3]],
        "decoder",
        [helper.make_tensor_value_info("tokens", onnx.TensorProto.INT32, ["B", "K"])],
        [helper.make_tensor_value_info("result", onnx.TensorProto.FLOAT, ["B", "K", "N"])],
        [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def run(model, tokens):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(["result"], {"tokens": tokens})[0]


def test_a_row_of_the_table_is_the_words_product_within_half_a_step():
    model, tokens = decoder(), np.arange(WORDS, dtype=np.int32).reshape(5, 6)
    exact = run(model, tokens)
    tabulate_words(model)
    found = run(model, tokens)
    step = np.abs(exact).max(axis=-1, keepdims=True) / 127
    assert found.shape == exact.shape == (5, 6, GATES)
    assert np.all(np.abs(found - exact) <= 0.501 * step)
    assert not np.array_equal(found, exact)


def test_what_went_into_the_table_is_dropped():
    model = decoder()
    tabulate_words(model)
    onnx.checker.check_model(model)  # of the nodes' order too
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert set(stored) == {"words_int8", "words_scale"}
    assert stored["words_int8"].dtype == np.int8 and stored["words_int8"].shape == (WORDS, GATES)
    assert "MatMul" not in {node.op_type for node in model.graph.node}


def test_a_graph_without_the_product_is_refused():
    with pytest.raises(ValueError, match="found no MatMul of word"):
        tabulate_words(decoder(multiplied=False))
    with pytest.raises(ValueError, match="found no Gather of tokens"):
        tabulate_words(decoder(gathered=False))
