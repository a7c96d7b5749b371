"""The OpenVINO backend against ONNX Runtime."""

import dataclasses
import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from bundles import replace

from ros2_captioner.backends import openvino as openvino_backend
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError, BundleError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)


@pytest.mark.parametrize("beam_width", [1, 3, 5])
def test_float16_captions_equal_onnxruntime_word_for_word(
    photograph, second_photograph, beam_width
):
    reference, captioner = (
        Captioner.load(backend=name, precision="float16", device="cpu")
        for name in ("onnxruntime", "openvino")
    )
    frames = [photograph, second_photograph, photograph[:, ::-1]]
    options = dataclasses.replace(reference.default_options(), beam_width=beam_width)
    expected = reference.caption(frames, options).captions
    found = captioner.caption(frames, options).captions
    assert [c.text for c in found] == [c.text for c in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.attention, other.attention, atol=1e-3)  # bfloat16 would miss


def test_int8_is_its_default_and_captions(photograph):
    captioner = Captioner.load(backend="openvino")
    assert captioner.backend.name == "openvino" and captioner.backend.precision == "int8"
    caption = captioner.caption([photograph]).captions[0]
    assert len(caption.words) >= 4 and caption.score > -3


def test_it_tells_nobody_of_its_use(tmp_path):
    """Telemetry keeps a number of the user in the home folder."""
    code = "from ros2_captioner import Captioner; Captioner.load(backend='openvino')"
    environment = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert not (tmp_path / "intel").exists()


def test_its_threads_are_those_that_a_scheduler_grants(bundle_copy, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    compiled = openvino_backend._compiled(bundle_copy / "decoder.int8.onnx")
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1


def test_it_takes_the_place_of_onnxruntime_when_that_fails(photograph):
    captioner = Captioner.load(device="cpu")
    expected = captioner.backend.name, "openvino"
    captioner._failover.replace(BackendError("lost"))
    assert ("onnxruntime", captioner.backend.name) == expected
    assert captioner.caption([photograph]).captions[0].text
    assert captioner.trouble == "onnxruntime on cpu failed (lost); openvino on cpu takes over"


_RELOADED = """
import os, signal, threading
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError

captioner = Captioner.load(backend="openvino")
worker = threading.Thread(target=captioner._failover.replace, args=(BackendError("lost"),))
worker.start()
worker.join()
assert captioner.trouble == "openvino on cpu failed (lost); reloaded"
signal.signal(signal.SIGTERM, lambda number, frame: print("heard"))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_signals_are_heard_after_the_worker_has_reloaded_it():
    done = subprocess.run(
        [sys.executable, "-c", _RELOADED], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "heard\n", "")


def test_a_broken_graph_is_named(bundle_copy):
    file = bundle_copy / "decoder.int8.onnx"
    replace(file, b"not a graph")
    with pytest.raises(BundleError, match="OpenVINO cannot load"):
        openvino_backend._compiled(file)


def test_there_is_no_gpu_path():
    with pytest.raises(BackendError, match="does not run on cuda"):
        Captioner.load(backend="openvino", device="cuda")
