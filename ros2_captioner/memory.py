"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import gc

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # M_ARENA_MAX and M_MMAP_THRESHOLD of glibc's malloc.h


def return_freed_memory() -> None:
    """Collect garbage, for what refers to itself, and trim the heap."""
    gc.collect()
    trim_heap()


def trim_heap() -> None:
    """Let glibc hand its free pages back; other C libraries do so themselves.

    Loading a model frees buffers as large as the model. Left to itself the heap keeps them: 250 MiB
    resident instead of 80, and more with every reload.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def use_one_heap() -> None:
    """Let all threads of the process share glibc's main heap; call it before threads start.

    Each model brings its own threads, and glibc gives each a heap that it never quite returns, so
    memory would grow with every reload.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        # glibc would raise it by itself. Buffers above 8 MiB, such as whole files, get pages of
        # their own, which are returned when they are freed; frames stay in the heap.
        mallopt(_MMAP_THRESHOLD, 2**23)
