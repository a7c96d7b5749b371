"""OpenVINO on a CPU."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.backends.host import Arrays, HostBackend
from ros2_captioner.bundle import Bundle, check_tensors
from ros2_captioner.bundle.manifest import REMEDY, Tensor
from ros2_captioner.command_line.installing import pip_line
from ros2_captioner.errors import BackendError, BundleError
from ros2_captioner.processors import runtime_threads

# Where a processor multiplies bfloat16 in hardware OpenVINO would take that for float32 unasked.
_SETTINGS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
_DTYPES = {"u8": "uint8", "i32": "int32", "f16": "float16", "f32": "float32"}


class OpenVinoBackend(HostBackend):
    """See `ros2_captioner.backends.base.Backend`.

    Args:
        bundle: verified model.
        precision: ``auto``, which is int8 where the bundle has it, or one that it carries.

    Raises:
        BackendError: OpenVINO is not installed.
        BundleError: a graph does not load or differs from the manifest.
    """

    name = "openvino"
    device = "cpu"

    def __init__(self, bundle: Bundle, precision: str = "auto") -> None:
        self.precision = bundle.precisions[0] if precision == "auto" else precision
        check_installed()
        super().__init__(
            _Graph(bundle, "encoder", self.precision),
            _Graph(bundle, "decoder", self.precision),
            bundle.manifest["graphs"]["decoder"]["state"],
        )


class _Graph:
    """A compiled graph, called with named arrays."""

    def __init__(self, bundle: Bundle, part: str, precision: str) -> None:
        file = bundle.graph(precision, part)
        compiled = _compiled(file)
        check_tensors(bundle, part, file, {
            port.any_name: _tensor(port) for port in (*compiled.inputs, *compiled.outputs)
        })  # fmt: skip
        self._request = compiled.create_infer_request()
        self._outputs = {port.any_name: port for port in compiled.outputs}

    def __call__(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        try:
            results = self._request.infer(contiguous, share_inputs=True)
        except RuntimeError as error:
            raise BackendError(f"OpenVINO failed to run the model: {error}") from error
        return {name: results[port] for name, port in self._outputs.items()}


@functools.cache
def _core() -> Any:
    """The only one of the process, to its end.

    Each gives the thread that first compiles with it a stack for signal handlers, and frees that in
    whatever thread it ends itself: the next signal would then end the process with SIGSEGV.
    """
    return importlib.import_module("openvino").Core()


def _compiled(file: Path) -> Any:
    try:
        settings = {**_SETTINGS, "INFERENCE_NUM_THREADS": runtime_threads()}
        return _core().compile_model(file, "CPU", settings)
    except RuntimeError as error:
        raise BundleError(f"OpenVINO cannot load {file}: {error}. {REMEDY}") from error


def _tensor(port: Any) -> Tensor:
    dtype = port.element_type.to_string()
    shape = tuple("?" if size.is_dynamic else size.get_length() for size in port.partial_shape)
    return Tensor(_DTYPES.get(dtype, dtype), shape)


def check_installed() -> None:
    """Look for OpenVINO without importing it.

    Raises:
        BackendError: it is not installed.
    """
    if importlib.util.find_spec("openvino") is None:
        raise BackendError(f"OpenVINO is not installed; type: {pip_line('openvino')}")
