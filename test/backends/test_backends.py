"""The choice of a backend, and what it says about it."""

import ctypes
import sys
from types import ModuleType

import pytest

from ros2_captioner.backends import onnxruntime as onnxruntime_backend
from ros2_captioner.backends import openvino as openvino_backend
from ros2_captioner.backends.choice import choose
from ros2_captioner.bundle import load_bundle
from ros2_captioner.errors import BackendError


@pytest.fixture(scope="module")
def bundle():
    return load_bundle()


@pytest.fixture
def no_cuda(monkeypatch):
    """A machine without a GPU, whatever this one has."""
    monkeypatch.setattr(onnxruntime_backend, "_PROVIDERS", {"cpu": "CPUExecutionProvider",
                                                            "cuda": "none"})  # fmt: skip
    monkeypatch.setattr("ctypes.CDLL", _no_library)


_load_library = ctypes.CDLL


def _no_library(name):
    if name is None:  # the process itself
        return _load_library(name)
    raise OSError(name)


def test_auto_says_why_it_took_nothing_better(no_cuda, bundle):
    failover = choose(bundle)
    assert (failover.backend.name, failover.backend.device) == ("onnxruntime", "cpu")
    assert failover.reason.startswith("no tensorrt on cuda: found no NVIDIA driver")
    assert "; no onnxruntime on cuda: this ONNX Runtime has no CUDA provider" in failover.reason
    assert not failover.trouble


def test_a_runtime_that_breaks_as_it_is_looked_for_is_passed_over(monkeypatch, bundle):
    def broken(*_):
        raise OSError("libnvinfer.so.10: file too short")

    monkeypatch.setattr("ros2_captioner.backends.choice._check_tensorrt", broken)
    failover = choose(bundle)
    assert failover.backend.name == "onnxruntime"
    assert failover.reason.startswith("no tensorrt on cuda: OSError: libnvinfer.so.10: file too")


def test_a_runtime_of_which_an_empty_folder_is_left_is_named(monkeypatch, bundle):
    """Python imports such a folder without a word."""
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    with pytest.raises(BackendError, match="no onnxruntime on cpu: AttributeError: module"):
        choose(bundle, "onnxruntime", device="cpu")


def test_what_was_asked_for_needs_no_reason(bundle):
    assert not choose(bundle, "onnxruntime", device="cpu").reason


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"backend": "abacus"}, "unknown backend 'abacus'; expected one of"),
        ({"precision": "int3"}, "unknown precision 'int3'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"backend": "tensorrt", "device": "cpu"}, "tensorrt does not run on cpu"),
        ({"backend": "openvino", "device": "cuda"}, "openvino does not run on cuda"),
        ({"backend": "onnxruntime", "device": "cuda"}, "pip install 'onnxruntime-gpu"),
        ({"backend": "tensorrt"}, "found no NVIDIA driver"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_remedy(no_cuda, bundle, options, match):
    with pytest.raises(BackendError, match=match):
        choose(bundle, **options)


def test_openvino_that_is_not_installed_is_named(monkeypatch, bundle):
    monkeypatch.setattr(openvino_backend.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match="pip install openvino"):
        choose(bundle, "openvino")


def test_onnxruntime_for_gpus_without_a_gpu_is_passed_over_and_not_tried_again(monkeypatch, bundle):
    def providers():
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    monkeypatch.setattr("onnxruntime.get_available_providers", providers)
    monkeypatch.setattr("ctypes.CDLL", _no_library)
    failover = choose(bundle)
    assert (failover.backend.name, failover.backend.device) == ("onnxruntime", "cpu")
    assert "no onnxruntime on cuda: found no NVIDIA driver" in failover.reason
    failover.restore()
    assert not failover.trouble and failover._search is None
