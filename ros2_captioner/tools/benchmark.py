"""``captioner_benchmark``: how long a caption takes here, alone and through the whole node."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.backends import BACKENDS, DEVICES
from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.bundle import load_bundle
from ros2_captioner.captioner import Captioner, Timing
from ros2_captioner.errors import CaptionerError

STEPS = 16
_WARM_UP = 2

Key = TypeVar("Key")


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        tables = {"captions": measure(parsed)}
        print(_table(tables["captions"]))
        if parsed.node_rates:
            tables["node"] = measure_nodes(parsed)
            print(f"\n{_table(tables['node'])}")
        if parsed.json:
            parsed.json.write_text(json.dumps(tables, indent=2) + "\n", encoding="utf-8")
    except (CaptionerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="captioner_benchmark",
        description=f"Time whole captions of {STEPS} words of 640x480 frames, interleaved: every "
        "round times each setting once, so that a busy machine slows them all alike. Times are "
        "milliseconds a call, for all its cameras together, with the first and third quartile. "
        "CIDEr is what the bundle was measured with.",
    )
    parser.add_argument("--model", default="", help="bundle (default: the shipped one)")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=["auto"])
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--precisions", nargs="+", help="default: all that the bundle carries")
    parser.add_argument("--beam-widths", nargs="+", type=int, default=[1, 3, 5], metavar="K")
    parser.add_argument("--cameras", nargs="+", type=int, default=[1, 4], metavar="N")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--node-rates",
        nargs="+",
        type=float,
        default=[],
        metavar="HZ",
        help="also run the whole node, with a camera of each of these rates (needs ROS 2)",
    )
    parser.add_argument(
        "--node-seconds", type=float, default=20.0, metavar="S", help="default: %(default)s"
    )
    parser.add_argument("--json", type=Path, help="also write the rows as JSON")
    return parser


def measure(parsed: argparse.Namespace) -> list[dict[str, Any]]:
    """Time every combination; returns a row each."""
    captioners = _captioners(parsed)
    settings = [
        Setting(*runtime, width, cameras)
        for runtime in captioners
        for width in parsed.beam_widths
        for cameras in parsed.cameras
    ]
    frames = synthetic_frames(max(parsed.cameras))
    calls = {setting: _call(captioners[setting[:2]], setting, frames) for setting in settings}
    times = interleaved(calls, parsed.rounds)
    metrics = load_bundle(parsed.model).manifest["metrics"]
    return [
        {**_row(setting, runs), "CIDEr": metrics.get(setting.precision, {}).get("CIDEr", "")}
        for setting, runs in times.items()
    ]


def _captioners(parsed: argparse.Namespace) -> dict[tuple[str, str], Captioner]:
    """By backend and precision."""
    precisions = parsed.precisions or load_bundle(parsed.model).precisions
    loaded = [
        Captioner.load(parsed.model, backend, precision, parsed.device)
        for backend in parsed.backends
        for precision in precisions
    ]
    return {(found.backend.name, found.backend.precision): found for found in loaded}


def measure_nodes(parsed: argparse.Namespace) -> list[dict[str, Any]]:
    """Run the node with each backend, rate and beam width; returns a row each."""
    from ros2_captioner.ros.node_benchmark import measure_node

    rows = []
    for backend, width, rate_hz in product(parsed.backends, parsed.beam_widths, parsed.node_rates):
        chosen = {"model": parsed.model, "backend": backend, "device": parsed.device,
                  "beam_width": width, "min_length": STEPS, "max_length": STEPS}  # fmt: skip
        found = measure_node(chosen, synthetic_frames(1)[0], rate_hz, parsed.node_seconds)
        rows.append({"backend": backend, "beam_width": width, **found})
    return rows


def fixed_length(beam_width: int) -> DecodingOptions:
    """Options under which every caption has exactly `STEPS` words."""
    return DecodingOptions(beam_width=beam_width, min_length=STEPS, max_length=STEPS)


def synthetic_frames(count: int) -> list[NDArray[np.uint8]]:
    """Coloured noise, uint8 ``[480, 640, 3]``; the time of a call does not depend on content."""
    noise = np.random.default_rng(0)
    return [noise.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(count)]


def interleaved(calls: Mapping[Key, Callable[[], Any]], rounds: int) -> dict[Key, list[Any]]:
    """Call each in turn, ``rounds`` times after a warm-up; returns what they returned."""
    results: dict[Key, list[Any]] = {key: [] for key in calls}
    for turn in range(_WARM_UP + rounds):
        for key, call in calls.items():
            result = call()
            if turn >= _WARM_UP:
                results[key].append(result)
    return results


def _call(
    captioner: Captioner, setting: Setting, frames: Sequence[NDArray[np.uint8]]
) -> Callable[[], Timing]:
    options = fixed_length(setting.beam_width)
    return lambda: captioner.caption(frames[: setting.cameras], options).timing


def timed(call: Callable[[], Any]) -> Callable[[], float]:
    """The call, returning its milliseconds."""

    def run() -> float:
        begun = time.perf_counter()
        call()
        return 1e3 * (time.perf_counter() - begun)

    return run


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


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Columns named as the keys of the rows."""
    lines = [list(rows[0]), *([_shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
        for line in lines
    )


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    sys.exit(main())
