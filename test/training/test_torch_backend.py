"""The bundle's model in PyTorch, as ``make gpu`` and ``make bench`` run it."""

import torch

from benchmarks.gpu.contender import measure


def test_its_captions_are_those_of_onnxruntime(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda call: compiled.append(call) or call)
    few = {"device": "cpu", "model": "", "rounds": 0, "scenes": 2}
    found = measure("torch compiled", "float32", **few)
    assert found["captions"] == measure("onnxruntime", "float16", **few)["captions"]
    assert len(compiled) == 2  # encoder and step
