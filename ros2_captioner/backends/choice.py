"""The choice of a runtime: the one that was named, or the best one for this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from ros2_captioner.backends.base import Backend
from ros2_captioner.backends.failover import Failover, guarded
from ros2_captioner.bundle import Bundle
from ros2_captioner.errors import BackendError, CaptionerError

BACKENDS = ("auto", "tensorrt", "openvino", "onnxruntime")
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "int8", "float16", "float32")


class Candidate(NamedTuple):
    """A backend on a device.

    Attributes:
        backend: one of `BACKENDS`.
        device: ``cpu`` or ``cuda``.
        probe: raises where this machine or the bundle lacks what it needs.
        load: loads the bundle.
        build: loads it, and first makes whatever takes minutes.
    """

    backend: str
    device: str
    probe: Callable[[], object]
    load: Callable[[], Backend]
    build: Callable[[], Backend]


def choose(
    bundle: Bundle,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    engine_cache: str = "",
) -> Failover:
    """Load the bundle with the named backend, or with the best one for this machine.

    ``auto`` prefers TensorRT, then ONNX Runtime on CUDA, then on the CPU, where it is faster than
    OpenVINO, which comes last. TensorRT engines that are not in the cache yet are built in the
    background while the next backend captions; at once where there is no other.

    Args:
        bundle: verified model.
        backend: one of `BACKENDS`.
        precision: one of `PRECISIONS`; ``auto`` takes int8 on a CPU and float16 on a GPU.
        device: one of `DEVICES`; ``cpu`` leaves a GPU alone.
        engine_cache: folder of TensorRT engines; the user's own if empty.

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
    wanted = [
        candidate
        for candidate in _candidates(bundle, precision, engine_cache)
        if backend in ("auto", candidate.backend) and device in ("auto", candidate.device)
    ]
    if not wanted:
        raise BackendError(f"backend {backend} does not run on {device}; leave device at 'auto'")
    usable, reason = _usable(wanted)
    builders = [candidate.build for candidate in usable]
    meanwhile = [candidate.load for candidate in usable] if len(usable) > 1 else builders
    return Failover(meanwhile, reason, builders=builders)


def _usable(wanted: Sequence[Candidate]) -> tuple[list[Candidate], str]:
    """Those whose probe succeeds, and why the ones before the first of them were passed over."""
    usable: list[Candidate] = []
    passed_over: list[str] = []
    for candidate in wanted:
        try:
            guarded(candidate.probe)
            usable.append(candidate)
        except CaptionerError as error:
            if not usable:
                passed_over.append(f"no {candidate.backend} on {candidate.device}: {error}")
    reason = "; ".join(passed_over)
    if not usable:
        raise BackendError(reason)
    return usable, reason


def _candidates(bundle: Bundle, precision: str, engine_cache: str) -> list[Candidate]:
    """Best first. The imports are late: a runtime that is not chosen need not be installed."""
    from ros2_captioner.backends.onnxruntime import OnnxRuntimeBackend, check_device
    from ros2_captioner.backends.openvino import OpenVinoBackend, check_installed

    def onnxruntime(device: str) -> Candidate:
        load = partial(OnnxRuntimeBackend, bundle, precision, device)
        return Candidate("onnxruntime", device, partial(check_device, device), load, load)

    tensorrt = partial(_tensorrt, bundle, precision, engine_cache)
    openvino = partial(OpenVinoBackend, bundle, precision)
    return [
        Candidate(
            "tensorrt",
            "cuda",
            partial(_check_tensorrt, bundle, precision),
            partial(tensorrt, build=False),
            partial(tensorrt, build=True),
        ),
        onnxruntime("cuda"),
        onnxruntime("cpu"),
        Candidate("openvino", "cpu", check_installed, openvino, openvino),
    ]


def _check_tensorrt(bundle: Bundle, precision: str) -> None:
    from ros2_captioner.backends.nvidia_driver import check_driver
    from ros2_captioner.backends.tensorrt.cuda import import_cuda
    from ros2_captioner.backends.tensorrt.engines import choose_precision, import_tensorrt

    check_driver()
    import_tensorrt()
    import_cuda()
    choose_precision(bundle, precision)


def _tensorrt(bundle: Bundle, precision: str, cache: str, *, build: bool) -> Backend:
    from ros2_captioner.backends.tensorrt.backend import TensorRtBackend

    return TensorRtBackend(bundle, precision, cache, build=build)
