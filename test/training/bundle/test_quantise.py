"""The int8 encoder beside the float one that it was made from."""

import logging
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from training.bundle.graphs import export_graphs
from training.bundle.quantise import quantise_encoder
from training.config.settings import ModelConfig
from training.model.captioning import build_model


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """A float32 encoder with evidence for words, the same in int8, and a frame."""
    torch.manual_seed(0)
    config = ModelConfig(
        encoder="resnet18", encoder_weights="random", image_size=64, width=32, hidden=48,
        evidence_words=20,
    )  # fmt: skip
    model = build_model(config, 40).eval()
    model.decoder.evidence.choose_words(torch.arange(20), torch.full((20,), 0.1))
    with torch.no_grad():  # biases are zero, and those of the last stage alike
        for bias in (one for one in model.encoder.stages[-1].parameters() if one.ndim == 1):
            bias.fill_(0.01)
    folder = tmp_path_factory.mktemp("encoders")
    exact, rounded = folder / "float32.onnx", folder / "int8.onnx"
    export_graphs(model, 64, exact, folder / "decoder.onnx")
    frames = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), np.uint8)
    quantise_encoder(exact, rounded, [frames], [frames])
    return exact, rounded, frames[:1]


def test_no_weights_are_unpacked_for_every_image(encoders):
    """A product whose input is not rounded is one of floats: its weights are unpacked each time."""
    graph = onnx.load(encoders[1]).graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    exact = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "DequantizeLinear"}
    weights = {
        name for name, source in exact.items()
        if source in constants and len(constants[source].dims) > 1
    }  # fmt: skip
    multiplying = [node for node in graph.node if weights & set(node.input)]
    assert len(multiplying) > 20  # ResNet-18's convolutions and the products behind them
    assert [node.name for node in multiplying if node.input[0] not in exact] == []


def test_every_convolution_has_a_bias_of_its_own(encoders):
    convolutions = [n for n in onnx.load(encoders[0]).graph.node if n.op_type == "Conv"]
    named = [node.input[1].replace("weight", "bias") for node in convolutions]
    assert [node.input[2] for node in convolutions] == named and len(named) == 20


def test_evidence_survives_rounding(encoders):
    exact, rounded = (
        onnxruntime.InferenceSession(str(file)).run(["evidence"], {"frames": encoders[2]})[0]
        for file in encoders[:2]
    )
    assert np.abs(exact).max() > 0.1
    assert np.abs(exact - rounded).max() < 0.1


def test_other_libraries_notes_are_not_shown():
    """ONNX Runtime's quantiser turns them on for all when it is imported."""
    assert not logging.getLogger("onnx_ir").isEnabledFor(logging.INFO)


def test_the_quantiser_alone_tells_nobody_of_its_use(tmp_path):
    """ONNX Runtime asks as it is imported; it keeps what is to be sent in the user's cache."""
    environment = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)  # this process has set it
    code = "import os, training.bundle.quantise; print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "1\n"
