"""ONNX Runtime on a CPU, or on CUDA where onnxruntime-gpu is installed."""

from __future__ import annotations

import functools
import sys
from collections.abc import Collection, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ros2_captioner.backends.host import Arrays, HostBackend, Run
from ros2_captioner.backends.nvidia_driver import check_driver
from ros2_captioner.bundle import Bundle, check_tensors
from ros2_captioner.bundle.manifest import REMEDY, Tensor
from ros2_captioner.command_line.installing import in_environment, pip_line
from ros2_captioner.errors import BackendError, BundleError
from ros2_captioner.memory import trim_heap
from ros2_captioner.processors import runtime_threads

if TYPE_CHECKING:
    import onnxruntime

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_DTYPES = {
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
}


class OnnxRuntimeBackend(HostBackend):
    """See `ros2_captioner.backends.base.Backend`.

    Args:
        bundle: verified model.
        precision: ``auto`` or one that the bundle carries.
        device: ``cpu`` or ``cuda``.

    Raises:
        BackendError: ONNX Runtime is not installed, or does not offer the device.
        BundleError: a graph does not load or differs from the manifest.
    """

    name = "onnxruntime"

    def __init__(self, bundle: Bundle, precision: str = "auto", device: str = "cpu") -> None:
        check_device(device)
        if device == "cuda":
            _load_cuda_libraries()
        self.device = device
        self.precision = _choose_precision(bundle, precision, device)
        state = bundle.manifest["graphs"]["decoder"]["state"]
        super().__init__(
            self._open(bundle, "encoder", kept=bundle.manifest["graphs"]["decoder"]["inputs"]),
            self._open(bundle, "decoder", kept=state.values()),
            state,
        )

    def _open(self, bundle: Bundle, part: str, kept: Collection[str]) -> Run:
        """Load a graph; on a GPU the outputs that only a later step reads are kept there."""
        file = bundle.graph(self.precision, part)
        session = _session(file, self.device)
        tensors = {
            node.name: Tensor(_DTYPES.get(node.type, node.type), tuple(node.shape))
            for node in (*session.get_inputs(), *session.get_outputs())
        }
        check_tensors(bundle, part, file, tensors)
        return Graph(session) if self.device == "cpu" else BoundGraph(session, self.device, kept)


class Graph:
    """A session, called with named arrays."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._outputs = [node.name for node in session.get_outputs()]

    def __call__(self, arrays: Arrays) -> dict[str, Any]:
        try:
            return dict(zip(self._outputs, self._run(arrays), strict=True))
        except Exception as error:  # ONNX Runtime's errors share no base but Exception
            raise BackendError(f"ONNX Runtime failed to run the model: {error}") from error

    def _run(self, arrays: Arrays) -> Sequence[Any]:
        return list(self._session.run(self._outputs, arrays))


class BoundGraph(Graph):
    """Keeps some outputs on the device, as values that another graph takes in an array's place.

    Args:
        session: of the graph.
        device: ``cuda``, or ``cpu`` for a test.
        kept: names, of which those that are outputs are kept.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, device: str, kept: Collection[str]
    ) -> None:
        super().__init__(session)
        self._places = {name: device if name in kept else "cpu" for name in self._outputs}
        self._kept = kept

    def _run(self, arrays: Arrays) -> Sequence[Any]:
        binding = self._session.io_binding()
        for name, value in arrays.items():
            if isinstance(value, np.ndarray):
                binding.bind_cpu_input(name, value)
            else:
                binding.bind_ortvalue_input(name, value)
        for name, place in self._places.items():
            binding.bind_output(name, place)
        self._session.run_with_iobinding(binding)
        found = zip(self._outputs, binding.get_outputs(), strict=True)
        return [value if name in self._kept else value.numpy() for name, value in found]


def _session(file: Path, device: str) -> onnxruntime.InferenceSession:
    import onnxruntime

    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise BundleError(f"ONNX Runtime reads no {file}; expected a path that is UTF-8") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = runtime_threads()
    # Encoder and decoder sessions alternate; one that spins after its turn starves the other.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        # By name: a graph passed as bytes would be in memory twice while it loads.
        session = onnxruntime.InferenceSession(str(file), options, providers=[_PROVIDERS[device]])
    except Exception as error:  # as above
        raise BundleError(f"ONNX Runtime cannot load {file}: {error}. {REMEDY}") from error
    if session.get_providers()[0] != _PROVIDERS[device]:
        raise BackendError(
            f"asked ONNX Runtime for {_PROVIDERS[device]}, found {session.get_providers()}; its "
            "CUDA libraries did not load. Use device 'cpu', install CUDA and cuDNN, or type in an "
            "environment of its own: pip install 'onnxruntime-gpu[cuda,cudnn]'"
        )
    trim_heap()  # what loading one graph took is not kept beside the next one's
    return session


@functools.cache
def _load_cuda_libraries() -> None:
    """Those that pip installed: no search path holds them. What is missing is told on stderr.

    Once: a later try is in the background, and what others print meanwhile would go astray.
    """
    import onnxruntime

    preload = getattr(onnxruntime, "preload_dlls", None)  # from 1.21 on
    if preload is not None:
        with redirect_stdout(sys.stderr):
            preload()


def check_device(device: str) -> None:
    """Look whether the installed ONNX Runtime was built for ``cpu`` or ``cuda``, and for a GPU.

    Raises:
        BackendError: it was not, is not installed, or there is no GPU.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError(
            f"ONNX Runtime does not import ({error}); type: "
            f"{pip_line('onnxruntime', dependencies=False)}"
        ) from error
    if _PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise BackendError(
            f"this ONNX Runtime has no CUDA provider; type: {_gpu_line()}, or use device 'cpu'"
        )
    if device == "cuda":
        check_driver()


def _choose_precision(bundle: Bundle, precision: str, device: str) -> str:
    if precision != "auto":
        return precision
    preferred = "float16" if device == "cuda" else "int8"
    return preferred if preferred in bundle.precisions else bundle.precisions[0]


def _gpu_line() -> str:
    """On a robot without its dependencies: it asks for a newer numpy than Ubuntu 22.04 has."""
    if in_environment():
        return pip_line("onnxruntime-gpu[cuda,cudnn]")
    return pip_line("onnxruntime-gpu", dependencies=False)
