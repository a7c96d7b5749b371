"""Runtimes that can execute a bundle's graphs, one file each, and the choice between them."""

from __future__ import annotations

from ros2_captioner.backends.base import Backend
from ros2_captioner.bundle import Bundle
from ros2_captioner.errors import BackendError

BACKENDS = ("auto", "onnxruntime")
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "int8", "float16", "float32")


def choose(
    bundle: Bundle, backend: str = "auto", precision: str = "auto", device: str = "auto"
) -> Backend:
    """Load the bundle with the named backend, or with the best one for this machine.

    Args:
        bundle: verified model.
        backend: one of `BACKENDS`.
        precision: one of `PRECISIONS`; ``auto`` takes int8 on a CPU and float16 on a GPU.
        device: one of `DEVICES`; ``auto`` takes CUDA where ONNX Runtime has it.

    Raises:
        BackendError: unknown name, runtime not installed, or device not available.
        BundleError: the bundle lacks the precision, or its graphs differ from its manifest.
    """
    for kind, value, known in (
        ("backend", backend, BACKENDS),
        ("precision", precision, PRECISIONS),
        ("device", device, DEVICES),
    ):
        if value not in known:
            raise BackendError(f"unknown {kind} {value!r}; expected one of {list(known)}")
    from ros2_captioner.backends.onnxruntime import OnnxRuntimeBackend

    return OnnxRuntimeBackend(bundle, precision, device)
