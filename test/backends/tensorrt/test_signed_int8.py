import numpy as np
import onnxruntime
import pytest
import simulated_gpu

from ros2_captioner.backends.tensorrt.signed_int8 import signed_encoder
from ros2_captioner.bundle import load_bundle
from ros2_captioner.preprocess import preprocess

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def signed():
    return signed_encoder(load_bundle().graph("int8", "encoder"))


def test_all_that_is_quantised_is_signed_and_symmetric(signed):
    graph = onnx.load_from_string(signed).graph
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    quantisers = [node for node in graph.node if node.op_type.endswith("uantizeLinear")]
    assert len(quantisers) > 100
    for node in quantisers:
        zero = constants[node.input[2]]
        assert zero.dtype == np.int8 and not zero.any(), node.name
    floats = {array.dtype for array in constants.values() if array.dtype.kind == "f"}
    assert floats == {np.dtype(np.float16)}


@simulated_gpu.needs_exact_int8
def test_it_computes_what_the_unsigned_graph_does_up_to_rounding(signed, photograph):
    frames = preprocess(photograph, 224)[None]

    def features(graph):
        session = onnxruntime.InferenceSession(
            graph,
            providers=["CPUExecutionProvider"],
            # Biases that ONNX Runtime quantises by itself underflow in float16.
            disabled_optimizers=["WeightBiasQuantization"],
        )
        return session.run(["features"], {"frames": frames})[0].astype(np.float32)

    exact = features(load_bundle().graph("float16", "encoder"))
    error, unsigned_error = (
        np.linalg.norm(features(graph) - exact) / np.linalg.norm(exact)
        for graph in (signed, load_bundle().graph("int8", "encoder"))
    )
    # Half as many steps: twice the error where all cells round, more in flat scenes like this one;
    # wrong biases make it larger than the features themselves.
    assert 0 < error < 3 * unsigned_error


@simulated_gpu.needs_exact_int8
def test_what_is_mostly_negative_keeps_its_range(tmp_path):
    def const(name, value, dtype):
        return onnx.numpy_helper.from_array(np.array(value, dtype), name)

    steps = [("Cast", ["x"], "floats"), ("Mul", ["floats", "minus"], "negative"),
             ("QuantizeLinear", ["negative", "scale", "zero"], "quantised"),
             ("DequantizeLinear", ["quantised", "scale", "zero"], "rounded"),
             ("MatMul", ["rounded", "one"], "y")]  # fmt: skip
    nodes = [
        onnx.helper.make_node(kind, inputs, [output], **({"to": 1} if kind == "Cast" else {}))
        for kind, inputs, output in steps
    ]
    constants = [const("minus", -0.1, np.float32), const("scale", 0.1, np.float32),
                 const("zero", 200, np.uint8), const("one", [[1]], np.float32)]  # fmt: skip
    shape, types = [3, 1], onnx.TensorProto
    graph = onnx.helper.make_graph(
        nodes, "g",
        [onnx.helper.make_tensor_value_info("x", types.UINT8, shape)],
        [onnx.helper.make_tensor_value_info("y", types.FLOAT, shape)],
        constants,
    )  # fmt: skip
    opsets = [onnx.helper.make_opsetid("", 20)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "g")
    session = onnxruntime.InferenceSession(
        signed_encoder(tmp_path / "g"), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(["y"], {"x": np.array([[0], [60], [190]], np.uint8)})
    assert found[:, 0].tolist() == pytest.approx([0, -6, -19], abs=0.2)
