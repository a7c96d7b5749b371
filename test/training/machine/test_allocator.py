"""Memory that a step freed is there for the next."""

import subprocess
import sys

import pytest

# In a process of its own, as the setting holds for a process.
FAULTS = """
import resource, sys, torch
from training.machine.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    if not keep_freed_memory():
        sys.exit(print(-1))
def step():
    held = [torch.ones(8 << 20) for _ in range(4)]
for _ in range(4):  # until the heap has its size
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_another_step_asks_the_system_for_no_page():
    faults = {
        name: int(subprocess.check_output([sys.executable, "-c", FAULTS, name]))
        for name in ("as it is", "kept")
    }
    if faults["kept"] < 0:
        pytest.skip("the C library is not glibc")
    assert faults["kept"] < 100 < faults["as it is"]
