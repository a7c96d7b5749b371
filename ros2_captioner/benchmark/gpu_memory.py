"""How much GPU memory a process holds, as the NVIDIA driver counts it."""

from __future__ import annotations

import subprocess

_COMMAND = (
    "nvidia-smi",
    "--query-compute-apps=pid,used_gpu_memory",
    "--format=csv,noheader,nounits",
)


def gpu_memory_mib(process: int) -> int | None:
    """MiB that a process holds on all GPUs together.

    Args:
        process: its number.

    Returns:
        None where the driver does not tell: no GPU, a Jetson (which shares the host's memory), or
        a process that uses none.
    """
    try:
        done = subprocess.run(_COMMAND, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    rows = [line.split(",") for line in done.stdout.splitlines()]
    held = [row[1].strip() for row in rows if len(row) == 2 and row[0].strip() == str(process)]
    numbers = [int(amount) for amount in held if amount.isdigit()]  # "[N/A]" in some containers
    return sum(numbers) if numbers else None
