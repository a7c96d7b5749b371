"""The bundle's model in PyTorch, as ``make gpu`` runs it."""

from benchmarks.gpu.contender import measure


def test_its_captions_are_those_of_onnxruntime():
    few = {"device": "cpu", "model": "", "rounds": 0, "scenes": 2}
    found = measure("torch eager", "float32", **few)
    assert found["captions"] == measure("onnxruntime", "float16", **few)["captions"]
