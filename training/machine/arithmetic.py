"""Which arithmetic a step is computed in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_DTYPES = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


def arithmetic(precision: str, device: torch.device) -> torch.dtype | None:
    """The type of a precision, see `OptimConfig`; None is float32.

    ``auto`` is bfloat16 where the processor computes with it: emulated it is slower than float32.
    """
    if precision != "auto":
        return _DTYPES[precision]
    return torch.bfloat16 if _has_bfloat16(device) else None


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older torch cannot say what its processor has.
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(has for name, has in found.items() if "bf16" in name)


@contextmanager
def without_gradients() -> Iterator[None]:
    """`torch.no_grad` for a forward pass that precedes the one with gradients in the same step.

    Autocast keeps the weights that it has cast for the next pass. Up to torch 2.10 those cast
    without gradients are reused with them, and the weights are no longer trained.
    """
    with torch.no_grad():
        yield
    torch.clear_autocast_cache()
