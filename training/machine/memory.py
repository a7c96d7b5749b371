"""Memory that runs out, in a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from training.config.settings import ConfigError


@contextmanager
def told_memory(expected: str) -> Iterator[None]:
    """Say what would need less memory where there is too little.

    Args:
        expected: in words.

    Raises:
        ConfigError: memory has run out, of the GPU or of the process.
    """
    try:
        yield
    except RuntimeError as error:
        on_gpu = isinstance(error, torch.cuda.OutOfMemoryError)
        if not on_gpu and "can't allocate memory" not in str(error):
            raise
        raise ConfigError(f"found too little memory: {error}; expected {expected}") from error
