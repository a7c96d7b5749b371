"""How many processors there are for this process, whichever way others were kept from it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
_PRESENT = Path("/sys/devices/system/cpu/present")


def own_processors() -> int:
    """How many this process may keep busy: by its affinity, and by the quotas of its cgroups.

    ``taskset``, systemd, a container and a batch system limit it so. A part of a processor does
    not count: more threads than the quota feeds all stand until its next period begins.
    """
    affine = hasattr(os, "sched_getaffinity")  # not on macOS
    own = len(os.sched_getaffinity(0)) if affine else os.cpu_count() or 1
    return max(1, math.floor(min([own, *_quotas()])))


def runtime_threads() -> int:
    """How many threads a runtime takes on the CPU; 0 leaves it to the runtime, on a whole machine.

    Runtimes mind neither quotas nor, as they do without OpenMP, ``OMP_NUM_THREADS``, which batch
    systems set. ONNX Runtime binds a thread to each core that is present, allowed or not.
    """
    own = own_processors()
    granted = os.environ.get("OMP_NUM_THREADS", "")
    if granted.isdecimal() and int(granted):
        return min(int(granted), own)
    return own if own < _present() else 0


def _present() -> int:
    """Processors of the machine, on or off: a Jetson's power modes switch some off."""
    try:
        ranges = _PRESENT.read_text().strip().split(",")
        ends = [tuple(map(int, each.split("-"))) for each in ranges]
    except (OSError, ValueError):
        return os.cpu_count() or 1
    return sum(each[-1] - each[0] + 1 for each in ends)


def _quotas() -> Iterator[float]:
    """Processors that each cgroup around this process grants, of either version of cgroups."""
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:  # not on Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # In a container the path may be that outside of it, and its own group is the top.
        group = _GROUPS / controllers / path.lstrip("/")
        for each in (group, *group.parents):
            if each.is_relative_to(_GROUPS):
                yield _quota(each)


def _quota(group: Path) -> float:
    """Processors that a cgroup grants; infinitely many where it has no quota."""
    try:
        if (file := group / "cpu.max").is_file():
            quota, period = file.read_text().split()
        else:
            quota, period = (
                (group / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period")
            )
        return int(quota) / int(period) if quota not in ("max", "-1") else math.inf
    except (OSError, ValueError):
        return math.inf
