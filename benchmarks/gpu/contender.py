"""One runtime in one precision: its captions and its times, in a process that may crash."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ros2_captioner.backends.base import Backend
from ros2_captioner.backends.failover import Failover
from ros2_captioner.benchmark.gpu_memory import gpu_memory_mib
from ros2_captioner.benchmark.model import measure_captioners
from ros2_captioner.bundle import Bundle, load_bundle
from ros2_captioner.captioner import Captioner

BEAM_WIDTHS = (1, 3, 5)
CAMERAS = (1, 4)
Loader = Callable[[Bundle, str, str], Backend]


def _onnxruntime(bundle: Bundle, precision: str, device: str) -> Backend:
    from ros2_captioner.backends.onnxruntime import OnnxRuntimeBackend

    return OnnxRuntimeBackend(bundle, precision, device)


def _tensorrt(other: str) -> Loader:
    def load(bundle: Bundle, precision: str, device: str) -> Backend:
        from ros2_captioner.backends.tensorrt.backend import TensorRtBackend

        sys.modules[other] = None  # type: ignore[assignment]  # so that it does not import
        return TensorRtBackend(bundle, precision)

    return load


def _torch(*, compiled: bool) -> Loader:
    def load(bundle: Bundle, precision: str, device: str) -> Backend:
        from benchmarks.gpu.torch_backend import TorchBackend

        return TorchBackend(bundle, precision, device, compiled=compiled)

    return load


LOADERS: dict[str, Loader] = {
    "onnxruntime": _onnxruntime,
    "tensorrt": _tensorrt(other="tensorrt_rtx"),
    "tensorrt_rtx": _tensorrt(other="tensorrt"),
    "torch eager": _torch(compiled=False),
    "torch compiled": _torch(compiled=True),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found as one line of JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.gpu.contender", description=__doc__)
    parser.add_argument("runtime", choices=LOADERS)
    parser.add_argument("precision")
    parser.add_argument("device")
    parser.add_argument("--model", default="")
    parser.add_argument("--rounds", type=int, default=0, help="0 leaves the times out")
    parser.add_argument("--scenes", type=int, default=16)
    parsed = parser.parse_args(arguments)
    print(json.dumps(measure(**vars(parsed))), flush=True)
    return 0


def measure(
    runtime: str, precision: str, device: str, model: str, rounds: int, scenes: int
) -> dict[str, Any]:
    """Caption some scenes and time the runtime.

    Returns:
        ``captions``, a list for each beam width; ``rows``, see `measure_captioners`;
        ``first_caption_s``, loading and building included; and ``gpu_memory_mib``.
    """
    begun_s = time.monotonic()
    bundle = load_bundle(model)
    captioner = Captioner(bundle, Failover([lambda: LOADERS[runtime](bundle, precision, device)]))
    images = synthetic_scenes(scenes)
    captioner.caption(images[:1])
    first_caption_s = time.monotonic() - begun_s
    options = {
        width: dataclasses.replace(captioner.default_options(), beam_width=width)
        for width in BEAM_WIDTHS
    }
    captions = {
        width: [captioner.caption([image], search).captions[0].text for image in images]
        for width, search in options.items()
    }
    timed = {(runtime, precision): captioner} if rounds else {}
    return {
        "captions": captions,
        "rows": measure_captioners(timed, BEAM_WIDTHS, CAMERAS, rounds),
        "first_caption_s": round(first_caption_s, 1),
        "gpu_memory_mib": gpu_memory_mib(os.getpid()),
    }


def synthetic_scenes(count: int) -> list[NDArray[np.uint8]]:
    """Coloured tiles, uint8 ``[480, 640, 3]``, the same on every machine."""
    noise = np.random.default_rng(5)
    coarse = noise.integers(0, 256, (count, 6, 8, 3), dtype=np.uint8)
    return [cv2.resize(cells, (640, 480), interpolation=cv2.INTER_NEAREST) for cells in coarse]


if __name__ == "__main__":
    sys.exit(main())
