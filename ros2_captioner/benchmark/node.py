"""The whole node under a stopwatch: a camera of a chosen rate, from stamp to caption.

Reads the node's processor time and memory from ``/proc``, so it needs Linux.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.benchmark.gpu_memory import gpu_memory_mib
from ros2_captioner.errors import BackendError
from ros2_captioner.ros.players.stopwatch import TOPIC, Stopwatch
from ros2_captioner.ros.process.children import (
    Child,
    start_node,
    stay_on_this_machine,
    stop_nodes,
)

_START_S, _WARM_UP, _LAST_S = 60.0, 3, 2.0


def measure_node(
    parameters: Mapping[str, Any], frame: NDArray[np.uint8], rate_hz: float, seconds: float
) -> dict[str, Any]:
    """Run the captioner node for a while and time its captions.

    Args:
        parameters: of the node.
        frame: uint8 ``[height, width, 3]`` RGB.
        rate_hz: frames a second.
        seconds: to measure, after a warm-up.

    Returns:
        Counts, latencies in milliseconds, what the node adds to the model's time, processor time
        in percent of one core, peak memory in MiB, and memory on the GPU, None without one.

    Raises:
        BackendError: the node does not caption, or ended.
    """
    stay_on_this_machine()
    # Reliable: best-effort frames of this size are lost by the defaults of Fast DDS.
    own = {"image_topics": [TOPIC], "image_reliability": "reliable"}
    watch, started = Stopwatch(frame), list[Child]()
    try:
        child = start_node("captioner_node", {**parameters, **own}, started)
        _warm_up(watch, child, 1 / rate_hz)
        begun_s, begun_cpu_s = time.monotonic(), _cpu_s(child.pid)
        sent = max(1, int(rate_hz * seconds))
        for place in range(sent):
            watch.send()
            watch.spin(begun_s + (place + 1) / rate_hz)
        if (status := child.poll()) is not None:
            raise BackendError(
                f"the node ended with status {status} while it was timed; see what it said above"
            )
        cpu = 100 * (_cpu_s(child.pid) - begun_cpu_s) / (time.monotonic() - begun_s)
        watch.spin(time.monotonic() + _LAST_S)
        memory = {"peak_memory_mib": round(_peak_mib(child.pid)),
                  "gpu_memory_mib": gpu_memory_mib(child.pid)}  # fmt: skip
        return {"rate_hz": rate_hz, **_summary(watch, sent), "cpu_percent": round(cpu), **memory}
    finally:
        watch.close()
        stop_nodes(started)


def _warm_up(watch: Stopwatch, child: Child, period_s: float) -> None:
    deadline_s = time.monotonic() + _START_S
    while len(watch.total_ms) < _WARM_UP:
        if child.poll() is not None or time.monotonic() > deadline_s:
            raise BackendError("the node does not caption; see what it said above")
        watch.send()
        watch.spin(time.monotonic() + period_s)
    watch.spin(time.monotonic() + _LAST_S)
    watch.total_ms.clear()
    watch.model_ms.clear()


def _summary(watch: Stopwatch, sent: int) -> dict[str, Any]:
    if not watch.total_ms:
        raise BackendError(f"the node captioned none of {sent} frames; see what it said above")
    added = [total - model for total, model in zip(watch.total_ms, watch.model_ms, strict=True)]
    p50, p95, p99 = np.percentile(watch.total_ms, [50, 95, 99])
    return {
        "sent": sent,
        "captions": len(watch.total_ms),
        "p50_ms": round(float(p50), 1),
        "p95_ms": round(float(p95), 1),
        "p99_ms": round(float(p99), 1),
        "model_p50_ms": round(median(watch.model_ms), 1),
        "added_p50_ms": round(median(added), 1),
        "added_p95_ms": round(float(np.percentile(added, 95)), 1),
    }


def _cpu_s(process: int) -> float:
    """Processor seconds of a process so far, in user and system."""
    # The name in brackets may hold blanks; utime and stime are fields 14 and 15 of the whole.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mib(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return int(status["VmHWM"].split()[0]) / 1024
