"""Memory that runs out."""

import pytest
import torch

from training.config.settings import ConfigError
from training.machine.memory import told_memory


def test_memory_that_runs_out_is_told_with_what_needs_less():
    said = "^found too little memory: .* allocate.*; expected less$"
    with pytest.raises(ConfigError, match=said), told_memory("less"):
        torch.empty(2**60, dtype=torch.uint8)
    said = "^found too little memory: CUDA; expected less$"
    with pytest.raises(ConfigError, match=said), told_memory("less"):
        raise torch.cuda.OutOfMemoryError("CUDA")
    with pytest.raises(RuntimeError, match="^another$"), told_memory("less"):
        raise RuntimeError("another")
