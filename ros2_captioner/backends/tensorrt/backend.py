"""TensorRT on an NVIDIA GPU: engines from the cache, state and features resident on the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.backends.nvidia_driver import check_driver
from ros2_captioner.backends.tensorrt.cuda import Cuda, call, import_cuda
from ros2_captioner.backends.tensorrt.engine_cache import EngineCache
from ros2_captioner.backends.tensorrt.engines import (
    LARGEST,
    PARTS,
    Progress,
    build_engine,
    choose_precision,
    import_tensorrt,
    variant,
)
from ros2_captioner.backends.tensorrt.executor import Executor
from ros2_captioner.backends.tensorrt.signed_int8 import REVISION
from ros2_captioner.beam_search import StepOutput
from ros2_captioner.bundle import Bundle
from ros2_captioner.errors import BackendError
from ros2_captioner.evidence.objects import EVIDENCE


class TensorRtBackend:
    """See `ros2_captioner.backends.base.Backend`.

    Args:
        bundle: verified model.
        precision: ``float16``, ``float32``, ``int8``, or ``auto``, which is float16.
        cache: folder of the engines; the user's own if empty.
        build: build engines that the cache lacks, which takes minutes; otherwise refuse.
        progress: told of the building.

    Raises:
        BackendError: no driver, TensorRT or cuda-python, no engine, or one that does not load; for
            int8 also no onnx.
    """

    name = "tensorrt"
    device = "cuda"
    max_batch = LARGEST["B"]

    def __init__(
        self,
        bundle: Bundle,
        precision: str = "auto",
        cache: Path | str = "",
        *,
        build: bool = True,
        progress: Progress | None = None,
    ) -> None:
        check_driver()
        trt = import_tensorrt()
        self.precision = choose_precision(bundle, precision)
        runtime = import_cuda()
        source = _Engines(trt, runtime, bundle, self.precision, EngineCache(cache), progress)
        engines = {part: source.get(part, build=build) for part in PARTS}
        self.remark = source.remark
        self._cuda = Cuda(runtime)
        self._logger = trt.Logger(trt.Logger.ERROR)
        self._trt_runtime = trt.Runtime(self._logger)
        self._graphs = bundle.manifest["graphs"]
        self._encoder, self._decoder = (
            Executor(self._cuda, self._load(engines[part]), self._graphs[part]) for part in PARTS
        )

    def _load(self, plan: bytes) -> Any:
        engine = self._trt_runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise BackendError(
                "TensorRT does not load the engine that it built; is the GPU's memory full? Look "
                "at nvidia-smi, or empty the engine cache"
            )
        return engine

    def encode(self, frames: NDArray[np.uint8]) -> TensorRtEncoding:
        """uint8 ``[B, S, S, 3]`` to device memory that the decoder reads."""
        if len(frames) > self.max_batch:
            raise BackendError(
                f"found {len(frames)} frames; engines are built for at most {self.max_batch}"
            )
        sizes = {"B": len(frames)}
        named = (EVIDENCE,) if EVIDENCE in self._graphs["encoder"]["outputs"] else ()
        found = self._encoder.run({"frames": frames}, named, sizes)
        evidence = found[EVIDENCE].astype(np.float32) if named else None
        return TensorRtEncoding(self._encoder, len(frames), evidence)

    def evidence(self, encoding: TensorRtEncoding) -> NDArray[np.float32] | None:
        """See `ros2_captioner.backends.base.Backend.evidence`."""
        return encoding.evidence

    def start(self, encoding: TensorRtEncoding, beam_width: int) -> TensorRtStepper:
        """A stepper whose rows all begin from the images' initial state."""
        return TensorRtStepper(self._cuda, self._decoder, self._graphs, encoding, beam_width)


@dataclass(frozen=True)
class TensorRtEncoding:
    """What the encoder left on the device; valid until it runs again.

    Attributes:
        encoder: whose outputs they are.
        batch: images B.
        evidence: ``[B, V]`` in host memory, if the model has it.
    """

    encoder: Executor
    batch: int
    evidence: NDArray[np.float32] | None = None


class TensorRtStepper:
    """`ros2_captioner.beam_search.Stepper`; the state alternates between two buffers."""

    def __init__(
        self,
        cuda: Cuda,
        decoder: Executor,
        graphs: Mapping[str, Any],
        encoding: TensorRtEncoding,
        beam_width: int,
    ) -> None:
        self._decoder = decoder
        self._sizes = {"B": encoding.batch, "K": beam_width}
        self._state: dict[str, str] = dict(graphs["decoder"]["state"])
        self._swapped = False
        self._unit = np.eye(beam_width, dtype=np.float32)  # its rows pick the beams to go on with
        encoder = encoding.encoder
        for name in graphs["decoder"]["inputs"]:
            if name in self._state:
                row_bytes = encoder.row_bytes(f"{name}0")
                source, target = encoder.address(f"{name}0"), decoder.address(name)
                cuda.repeat_rows(target, source, encoding.batch, row_bytes, beam_width)
                decoder.bind(name, target)
                decoder.bind(self._state[name], decoder.address(self._state[name]))
            elif name in graphs["encoder"]["outputs"]:
                decoder.bind(name, encoder.address(name))

    def step(self, tokens: NDArray[np.int32], parents: NDArray[np.int64]) -> StepOutput:
        """See `ros2_captioner.beam_search.Stepper.step`."""
        reorder = self._unit[parents]
        found = self._decoder.run(
            {"tokens": tokens, "reorder": reorder}, ("log_probs", "ids", "attention"), self._sizes
        )
        self._swapped = not self._swapped
        for before, after in self._state.items():
            addresses = [self._decoder.address(name) for name in (before, after)]
            first, second = reversed(addresses) if self._swapped else addresses
            self._decoder.bind(before, first)
            self._decoder.bind(after, second)
        return StepOutput(
            found["log_probs"].copy(),
            found["ids"].copy(),
            found["attention"].astype(np.float32),
        )


class _Engines:
    """Engines from the cache, or built and kept there.

    Attributes:
        remark: why an engine could not be kept; empty if all were.
    """

    def __init__(
        self,
        trt: Any,
        runtime: Any,
        bundle: Bundle,
        precision: str,
        cache: EngineCache,
        progress: Progress | None,
    ) -> None:
        self._trt, self._runtime, self._progress = trt, runtime, progress
        self._bundle, self._precision, self._cache = bundle, precision, cache
        self.remark = ""

    def get(self, part: str, *, build: bool) -> bytes:
        """The engine of a part.

        Raises:
            BackendError: the cache lacks it and it is not to be built, or cannot be.
        """
        identity = engine_identity(self._trt, self._runtime, self._bundle, self._precision, part)
        engine = self._cache.load(identity)
        if engine is not None:
            return engine
        if not build:
            raise BackendError(
                f"no engine of this model for {identity['gpu']} yet; it is built once captions are "
                "wanted, or now if you type: ros2 run ros2_captioner captioner_build_engine"
            )
        engine = build_engine(self._trt, self._bundle, self._precision, part, self._progress)
        try:
            self._cache.store(identity, engine)
        except OSError as error:  # the engine itself is good
            self.remark = (
                f"the {part}'s engine could not be kept ({error}) and will be built again at the "
                "next start; make room, or name another folder with engine_cache"
            )
        return engine


def engine_identity(
    trt: Any, runtime: Any, bundle: Bundle, precision: str, part: str
) -> dict[str, str]:
    """All that an engine depends on; another value of any needs another engine."""
    gpu = call(runtime, "cudaGetDeviceProperties", 0)
    built_from = variant(precision, part)
    file = bundle.graph(built_from, part).name
    return {
        "part": part,
        "onnx": str(bundle.manifest["files"][file]["sha256"]),
        "precision": f"int8 {REVISION}" if built_from == "int8" else built_from,
        "limits": "x".join(map(str, LARGEST.values())),
        "tensorrt": f"{trt.__name__} {trt.__version__}",
        "gpu": gpu.name.decode() if isinstance(gpu.name, bytes) else str(gpu.name),
        "capability": f"{gpu.major}.{gpu.minor}",
        "driver": str(call(runtime, "cudaDriverGetVersion")),
    }
