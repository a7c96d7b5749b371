"""How many processors there are for this process."""

from __future__ import annotations

import os


def own_processors() -> int:
    """How many this process may use, which a batch system grants."""
    granted = hasattr(os, "sched_getaffinity")  # not on macOS
    return len(os.sched_getaffinity(0)) if granted else os.cpu_count() or 1
