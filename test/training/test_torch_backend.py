"""The bundle's model in PyTorch, as ``make gpu`` runs it."""

import pytest

from benchmarks.gpu.contender import measure


@pytest.mark.xfail(
    strict=True,
    reason="the shipped bundle was exported before graphs named the places of words with evidence, "
    "so that torch cannot have them back; the next export mends it",
)
def test_its_captions_are_those_of_onnxruntime():
    few = {"device": "cpu", "model": "", "rounds": 0, "scenes": 2}
    found = measure("torch eager", "float32", **few)
    assert found["captions"] == measure("onnxruntime", "float16", **few)["captions"]
