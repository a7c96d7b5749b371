"""GPTQ against plain rounding."""

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from training.bundle.quantise import quantise_encoder
from training.bundle.rounding import gptq

LIMIT = 8


def correlated_inputs():
    torch.manual_seed(0)
    return torch.relu(torch.randn(4000, 6) @ torch.randn(6, 150) + 0.3 * torch.randn(4000, 150))


def layer():
    weights = torch.randn(20, 150)
    return weights, weights.abs().amax(dim=1) / LIMIT


def test_outputs_are_much_nearer_than_with_plain_rounding():
    inputs = correlated_inputs()
    weights, scale = layer()
    moment = inputs.T @ inputs / len(inputs)
    found = gptq(weights, moment, scale, LIMIT) * scale[:, None]
    plain = (weights / scale[:, None]).round() * scale[:, None]
    errors = [((w - weights) @ inputs.T).norm() for w in (found, plain)]
    assert errors[0] < 0.4 * errors[1]


def test_steps_are_whole_and_within_the_limit():
    weights, scale = layer()
    steps = gptq(3 * weights, torch.eye(150), scale, LIMIT)
    assert torch.equal(steps, steps.round()) and steps.abs().max() == LIMIT


def test_uncorrelated_inputs_give_plain_rounding():
    weights, scale = layer()
    steps = gptq(weights, torch.eye(150), scale, LIMIT)
    assert torch.equal(steps, (weights / scale[:, None]).round())


def convolution(file):
    """Frames through one convolution that halves their sides."""
    draw = np.random.default_rng(0)
    arrays = {"weight": draw.normal(size=(16, 3, 3, 3)), "bias": draw.normal(size=16)}
    nodes = [
        helper.make_node("Cast", ["frames"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["maps"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "Conv", ["maps", "weight", "bias"], ["found"], "conv",
            kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
        ),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["B", 16, 16, 3])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, ["B", 16, 8, 8])],
        [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()],
    )
    opset = helper.make_opsetid("", 20)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), file)


def test_a_rounded_graph_is_nearer_and_shifted_by_nothing(tmp_path, monkeypatch):
    source = tmp_path / "float32.onnx"
    convolution(source)
    draw = np.random.default_rng(1)  # smooth, as pictures are
    frames = draw.integers(0, 200, (64, 1, 1, 3)) + draw.integers(0, 56, (64, 16, 16, 3))
    frames = frames.astype(np.uint8)

    def outputs(file):
        return onnxruntime.InferenceSession(str(file)).run(["found"], {"frames": frames})[0]

    def errors(name):
        quantise_encoder(source, tmp_path / name, [frames], [frames])
        # Means over a frame, as single outputs are rounded too.
        return (outputs(tmp_path / name) - outputs(source)).mean(axis=(2, 3))

    found = errors("found.onnx")
    monkeypatch.setattr("training.bundle.quantise.round_weights", lambda *_: None)
    plain = errors("plain.onnx")
    assert found.std(axis=0).mean() < 0.8 * plain.std(axis=0).mean()
    assert np.abs(found.mean(axis=0)).max() < 0.1 * np.abs(plain.mean(axis=0)).max()
