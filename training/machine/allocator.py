"""How the C library hands out memory."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h


def keep_freed_memory() -> bool:
    """Keep what is freed for the next step instead of giving it back to the system.

    A step frees gigabytes of maps. By default the system takes them back and hands them out again
    page by page, each filled with zeros: a tenth of a step's time on a CPU. No number changes.

    Returns:
        Whether the C library is one that can: glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, -1))
