"""What of the ONNX Runtime backend no other test reaches: kept outputs and granted threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from bundles import manifest_of
from onnxruntime import OrtValue

from ros2_captioner.backends import onnxruntime as module
from ros2_captioner.backends.onnxruntime import BoundGraph, OnnxRuntimeBackend
from ros2_captioner.bundle import load_bundle
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError, BundleError


def test_outputs_kept_on_the_device_give_the_same_captions(photograph, second_photograph):
    """The path that a GPU takes, with a CPU as the device."""
    captioner = Captioner.load(backend="onnxruntime", device="cpu")
    frames = [photograph, second_photograph]
    expected = captioner.caption(frames).captions
    backend, graphs = captioner.backend, captioner.bundle.manifest["graphs"]
    backend._encoder = BoundGraph(backend._encoder._session, "cpu", graphs["decoder"]["inputs"])
    backend._decoder = BoundGraph(backend._decoder._session, "cpu", ["h_next", "c_next"])

    encoding = backend.encode(np.zeros((1, 224, 224, 3), np.uint8))
    assert {type(value) for value in encoding.constants.values()} == {OrtValue}
    stepper = backend.start(encoding, 2)
    stepper.step(np.zeros((1, 2), np.int32), np.array([[0, 1]]))
    assert {type(value) for value in stepper._state.values()} == {OrtValue}

    found = captioner.caption(frames).captions
    assert [c.text for c in found] == [c.text for c in expected]
    np.testing.assert_allclose(found[0].log_probs, expected[0].log_probs, atol=1e-5)


def test_a_bundle_without_the_precision_that_is_preferred_runs_in_what_it_has(bundle_copy):
    with manifest_of(bundle_copy) as manifest:
        del manifest["variants"]["int8"]
    assert OnnxRuntimeBackend(load_bundle(bundle_copy)).precision == "float16"


def test_threads_are_those_that_a_scheduler_grants(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    session = OnnxRuntimeBackend(load_bundle())._decoder._session
    assert session.get_session_options().intra_op_num_threads == 1


def test_a_path_that_is_no_text_is_told(bundle_copy):
    """A new export, as of other graphs that do not load, would not mend it."""
    renamed = bundle_copy.rename(bundle_copy.with_name(os.fsdecode(b"n\xff")))
    with pytest.raises(BundleError, match="onnx; expected a path that is UTF-8$"):
        OnnxRuntimeBackend(load_bundle(renamed))


@pytest.mark.filterwarnings("ignore:Specified provider")  # as this ONNX Runtime has none
def test_cuda_from_pip_is_loaded_before_the_graphs(monkeypatch, capsys):
    """Its libraries lie where the loader does not look; what ONNX Runtime prints is no output.

    Nor does a later try, which is in the background, divert what others print.
    """
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: list(module._PROVIDERS.values())
    )
    monkeypatch.setattr(module, "check_driver", lambda: None)
    monkeypatch.setattr(
        "onnxruntime.preload_dlls", lambda: print("Failed to load libcudnn"), raising=False
    )
    module._load_cuda_libraries.cache_clear()
    for _ in range(2):
        with pytest.raises(BackendError, match=r"pip install 'onnxruntime-gpu\[cuda,cudnn\]'$"):
            OnnxRuntimeBackend(load_bundle(), device="cuda")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Failed to load libcudnn\n")


@pytest.mark.parametrize("setting", [None, "0"])
def test_onnxruntime_tells_nobody_of_its_use_unless_it_may(setting, tmp_path):
    """Telemetry keeps a number of the machine and what is to be sent in the user's cache."""
    environment = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)  # this process has set it
    if setting:
        environment["ORT_DISABLE_TELEMETRY"] = setting
    code = (
        "import os, ros2_captioner; ros2_captioner.Captioner.load(backend='onnxruntime'); "
        "print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    assert setting or not list(tmp_path.iterdir())
    assert done.stdout == f"{setting or 1}\n"
