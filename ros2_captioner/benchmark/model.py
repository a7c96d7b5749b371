"""The model alone: every runtime, precision, beam width and number of cameras in turn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.benchmark.timing import STEPS, fixed_length, interleaved, synthetic_frames
from ros2_captioner.bundle import load_bundle
from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Timing
from ros2_captioner.errors import BackendError


class Setting(NamedTuple):
    """What is timed.

    Attributes:
        backend: runtime.
        precision: variant of the model.
        beam_width: of the search.
        cameras: frames captioned together.
    """

    backend: str
    precision: str
    beam_width: int
    cameras: int


def measure_model(
    model: str,
    backends: Sequence[str],
    precisions: Sequence[str],
    device: str,
    beam_widths: Sequence[int],
    cameras: Sequence[int],
    rounds: int,
) -> list[dict[str, Any]]:
    """Time every combination.

    Args:
        model: bundle; the shipped one if empty.
        backends: runtimes.
        precisions: variants; all that the bundle carries if empty.
        device: where the runtimes run.
        beam_widths: of the search.
        cameras: numbers of frames captioned together.
        rounds: how often each combination is timed.

    Returns:
        A row for each combination.
    """
    bundle = load_bundle(model)
    loaded = [
        Captioner.load(model, backend, precision, device)
        for backend in backends
        for precision in precisions or bundle.precisions
    ]
    captioners = {(found.backend.name, found.backend.precision): found for found in loaded}
    return measure_captioners(captioners, beam_widths, cameras, rounds)


def measure_captioners(
    captioners: Mapping[tuple[str, str], Captioner],
    beam_widths: Sequence[int],
    cameras: Sequence[int],
    rounds: int,
) -> list[dict[str, Any]]:
    """Time loaded models, named by backend and precision; see `measure_model`.

    Raises:
        BackendError: a model changed its runtime meanwhile, as when an engine was built at last.
    """
    settings = [
        Setting(*runtime, width, count)
        for runtime in captioners
        for width in beam_widths
        for count in cameras
    ]
    frames = synthetic_frames(max(cameras))
    calls = {setting: _call(captioners[setting[:2]], setting, frames) for setting in settings}
    before = [_runtime(captioner) for captioner in captioners.values()]
    timed = interleaved(calls, rounds)
    for was, captioner in zip(before, captioners.values(), strict=True):
        if (now := _runtime(captioner)) != was:
            why = f" ({captioner.trouble})" if captioner.trouble else ""
            raise BackendError(
                f"{now} took over from {was} while that was timed{why}; expected one runtime to "
                "the end. Type it again, or name one with --backends"
            )
    return [
        {**_row(setting, runs), "CIDEr": captioners[setting[:2]].bundle.cider(setting.precision)}
        for setting, runs in timed.items()
    ]


def _runtime(captioner: Captioner) -> str:
    backend = captioner.backend
    return f"{backend.name} on {backend.device} in {backend.precision}"


def _call(
    captioner: Captioner, setting: Setting, frames: Sequence[NDArray[np.uint8]]
) -> Callable[[], Timing]:
    options = fixed_length(setting.beam_width)
    return lambda: captioner.caption(frames[: setting.cameras], options).timing


def _row(setting: Setting, runs: Sequence[Timing]) -> dict[str, Any]:
    wholes = [sum(dataclasses.astuple(run)) for run in runs]
    low, _, high = quantiles(wholes, n=4) if len(wholes) > 1 else (wholes[0],) * 3
    return {
        **setting._asdict(),
        "preprocess_ms": round(median(run.preprocess_ms for run in runs), 2),
        "encode_ms": round(median(run.encode_ms for run in runs), 2),
        "step_ms": round(median(run.decode_ms for run in runs) / STEPS, 3),
        "whole_ms": round(median(wholes), 2),
        "quartiles_ms": [round(low, 2), round(high, 2)],
        "captions_per_s": round(1e3 * setting.cameras / median(wholes), 1),
    }
