"""``make bench``: the shipped model beside its yardsticks, in one run on one machine.

Needs torch; writes build/bench/marks.json, a list of {name, value, unit, threshold, pass}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from eager_peer import EagerPeer

from ros2_captioner.captioner import Captioner
from ros2_captioner.tools.benchmark import (
    STEPS,
    fixed_length,
    interleaved,
    synthetic_frames,
    timed,
)

_OUTPUT = Path("build/bench/marks.json")
_ROUNDS = int(os.environ.get("ROUNDS", "9"))
_PEER_THRESHOLDS = {1: 7.0, 3: 11.0, 5: 12.0}
_FIRST_CAPTION = """
import numpy
from ros2_captioner.captioner import Captioner
Captioner.load(device="cpu").caption([numpy.zeros((480, 640, 3), numpy.uint8)])
# Not getrusage: its peak is inherited from the process that started this one.
status = dict(line.split(":") for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) / 1024)
"""


def main() -> int:
    """Entry point; 0 if every mark passed."""
    marks = [*_against_peer(), *_cameras_together(), *_cold_start()]
    _OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    _OUTPUT.write_text(json.dumps(marks, indent=2) + "\n", encoding="utf-8")
    for mark in marks:
        verdict = "pass" if mark["pass"] else "FAIL"
        print(f"{verdict}  {mark['name']}: {mark['value']} {mark['unit']} ({mark['threshold']})")
    return 0 if all(mark["pass"] for mark in marks) else 1


def _against_peer() -> list[dict[str, Any]]:
    captioner = Captioner.load(device="cpu")
    peer = EagerPeer(len(captioner.bundle.vocabulary))
    torch.set_num_threads(os.cpu_count() or 1)
    frame = synthetic_frames(1)[0]
    calls: dict[tuple[str, int], Callable[[], float]] = {}
    for width in _PEER_THRESHOLDS:
        calls["peer", width] = timed(partial(peer.caption, frame, width, STEPS))
        calls["ours", width] = timed(partial(captioner.caption, [frame], fixed_length(width)))
    times = {key: median(runs) for key, runs in interleaved(calls, _ROUNDS).items()}
    for (who, width), milliseconds in times.items():
        print(f"{who} beam {width}: {milliseconds:.1f} ms")
    return [
        _mark(
            f"whole caption against the eager peer, beam {width}",
            times["peer", width] / times["ours", width],
            "times as fast",
            least=threshold,
        )
        for width, threshold in _PEER_THRESHOLDS.items()
    ]


def _cameras_together() -> list[dict[str, Any]]:
    captioner = Captioner.load(device="cpu")
    frames, options = synthetic_frames(4), fixed_length(3)
    calls = {
        "together": timed(lambda: captioner.caption(frames, options)),
        "in turn": timed(lambda: [captioner.caption([frame], options) for frame in frames]),
    }
    times = {key: median(runs) for key, runs in interleaved(calls, _ROUNDS).items()}
    gain = times["in turn"] / times["together"]
    return [_mark("four cameras batched against in turn, beam 3", gain, "times", least=1.6)]


def _cold_start() -> list[dict[str, Any]]:
    peaks: list[float] = []

    def run() -> None:
        done = subprocess.run(
            [sys.executable, "-c", _FIRST_CAPTION], capture_output=True, text=True, check=True
        )
        peaks.append(float(done.stdout))

    seconds = median(interleaved({"": timed(run)}, 5)[""]) / 1e3
    return [
        _mark("first caption after process start", seconds, "s", most=1.0),
        _mark("peak memory of the run time", max(peaks), "MiB", most=160.0),
    ]


def _mark(
    name: str,
    value: float,
    unit: str,
    *,
    least: float = float("-inf"),
    most: float = float("inf"),
) -> dict[str, Any]:
    threshold = f">= {least:g}" if most == float("inf") else f"<= {most:g}"
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "threshold": threshold,
        "pass": least <= value <= most,
    }


if __name__ == "__main__":
    sys.exit(main())
