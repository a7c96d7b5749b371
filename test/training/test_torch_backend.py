"""The bundle's model in PyTorch, as ``make gpu`` and ``make bench`` run it."""

import numpy as np
import torch

from benchmarks.compiled_model import CompiledModel
from benchmarks.gpu.contender import measure
from ros2_captioner.bundle import load_bundle
from training.bundle.weights import model_config, restored_model


def test_its_captions_are_those_of_onnxruntime():
    few = {"device": "cpu", "model": "", "rounds": 0, "scenes": 2}
    found = measure("torch eager", "float32", **few)
    assert found["captions"] == measure("onnxruntime", "float16", **few)["captions"]


def test_the_compiled_baseline_is_the_network_that_ships(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function: function)
    bundle = load_bundle()
    shipped = restored_model(bundle, model_config(bundle)).state_dict()
    baseline = CompiledModel(bundle)
    found = baseline._model.state_dict()
    assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in shipped.items()}
    baseline.caption(np.zeros((48, 64, 3), np.uint8), 2)
