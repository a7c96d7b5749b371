"""Build TensorRT engines from a bundle's graphs; needs no GPU driver with TensorRT-RTX.

One path serves TensorRT 10.3 to 11 and TensorRT-RTX: networks are strongly typed, so the precision
is that of the ONNX file, and every tensor has an optimisation profile.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ros2_captioner.backends.tensorrt.signed_int8 import import_onnx, signed_encoder
from ros2_captioner.beam_search import MAX_BEAM_WIDTH
from ros2_captioner.bundle import Bundle
from ros2_captioner.command_line.installing import pip_line
from ros2_captioner.errors import BackendError

_MODULES = ("tensorrt", "tensorrt_rtx")
PARTS = ("encoder", "decoder")
LARGEST = {"B": 8, "K": MAX_BEAM_WIDTH}  # images and beams that an engine serves at most
_SIZES = ({"B": 1, "K": 1}, {"B": 1, "K": 3}, LARGEST)  # smallest, usual and largest

Progress = Callable[[str, int, int], None]


def import_tensorrt() -> Any:
    """The module ``tensorrt``, or ``tensorrt_rtx`` where that is what is installed.

    Raises:
        BackendError: neither is there, or it is older than strongly typed networks.
    """
    for name in _MODULES:
        try:
            trt = importlib.import_module(name)
        except ImportError:
            continue
        if not hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED"):
            raise BackendError(
                f"found TensorRT {trt.__version__}; expected 10.3 or newer. Upgrade JetPack to 6.1 "
                "or newer, or use backend onnxruntime"
            )
        return trt
    raise BackendError(
        "TensorRT does not import; on a Jetson it comes with JetPack, on a desktop type: "
        f"{pip_line('tensorrt-rtx-cu13')}"
    )


def choose_precision(bundle: Bundle, precision: str) -> str:
    """The precision to build; ``auto`` is float16.

    Raises:
        BackendError: the package onnx is missing, which int8 needs.
        BundleError: the bundle lacks a variant.
    """
    chosen = "float16" if precision == "auto" else precision
    for part in PARTS:
        bundle.graph(variant(chosen, part), part)
    if chosen == "int8":
        import_onnx()
    return chosen


def variant(precision: str, part: str) -> str:
    """The bundle's variant that a part is built from; int8 is for the encoder, where it pays."""
    return "float16" if (precision, part) == ("int8", "decoder") else precision


def onnx_model(bundle: Bundle, precision: str, part: str) -> bytes:
    """The graph that an engine is built from, as TensorRT takes it; see `choose_precision`."""
    file = bundle.graph(variant(precision, part), part)
    return signed_encoder(file) if variant(precision, part) == "int8" else file.read_bytes()


def build_engine(
    trt: Any,
    bundle: Bundle,
    precision: str,
    part: str,
    progress: Progress | None = None,
    capability: str = "",
) -> bytes:
    """Parse a graph and build its engine.

    Args:
        trt: see `import_tensorrt`.
        bundle: verified model.
        precision: what `choose_precision` returned.
        part: ``encoder`` or ``decoder``.
        progress: called with a phase, the steps done and the steps in all.
        capability: with TensorRT-RTX, the compute capability to build for, such as ``SM89``; the
            GPU at hand if empty.

    Returns:
        The serialised engine, which serves this TensorRT version and GPU alone.

    Raises:
        BackendError: the graph was not understood, no engine could be built, or see
            `choose_precision`.
    """
    onnx = onnx_model(bundle, precision, part)
    what = f"the {part} of {bundle.path} in {precision}"
    complaints: list[str] = []
    builder = trt.Builder(_logger(trt, complaints))
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, builder.logger)
    if not parser.parse(onnx):
        errors = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise BackendError(f"TensorRT {trt.__version__} cannot parse {what}: {'; '.join(errors)}")
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        names = bundle.manifest["graphs"][part]["inputs"][tensor.name]["shape"]
        profile.set_shape(tensor.name, *(_shape(names, sizes) for sizes in _SIZES))
    config.add_optimization_profile(profile)
    stopped = threading.Event()
    config.progress_monitor = _monitor(trt, progress, stopped)
    if capability:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, capability), 0)
    engine = _built(lambda: builder.build_serialized_network(network, config), stopped)
    if engine is None:
        raise BackendError(
            f"TensorRT {trt.__version__} could not build {what}: {'; '.join(complaints)}"
        )
    return bytes(engine)


def _built(build: Callable[[], Any], stopped: threading.Event) -> Any:
    """What a build gives, in a thread of its own.

    A KeyboardInterrupt comes to the main thread alone, and TensorRT swallows one that comes to a
    callback. No executor: Python's end would wait for its threads before they can know of it.
    """
    built: Future[Any] = Future()

    def run() -> None:
        try:
            built.set_result(build())
        except Exception as error:  # the thread's boundary
            built.set_exception(error)

    thread = threading.Thread(target=run, name="engine")
    thread.start()
    try:
        return built.result()  # not by join(): interrupted there, a thread counts as ended
    except KeyboardInterrupt:
        stopped.set()
        thread.join()
        raise


def _shape(names: list[int | str], sizes: dict[str, int]) -> list[int]:
    return [size if isinstance(size, int) else sizes[size] for size in names]


def _logger(trt: Any, complaints: list[str]) -> Any:
    """Collects errors instead of printing them."""

    class Collector(trt.ILogger):  # type: ignore[misc]
        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
                complaints.append(message)

    return Collector()


def _monitor(trt: Any, progress: Progress | None, stopped: threading.Event) -> Any:
    """Hands TensorRT's outermost phase on; cancels the build where the process ends."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if not parent_phase:
                self._steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            if progress is not None and phase_name in self._steps:
                progress(phase_name, step + 1, self._steps[phase_name])
            return threading.main_thread().is_alive() and not stopped.is_set()

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()
