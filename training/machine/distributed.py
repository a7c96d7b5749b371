"""Several training processes, as torchrun starts them, or just this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed

from ros2_captioner.processors import own_processors
from training.config.settings import ConfigError

T = TypeVar("T")
# The first process validates while the others wait.
_TIMEOUT = timedelta(hours=12)


@contextmanager
def processes(device: str) -> Iterator[str]:
    """Join the group that torchrun set up, if it did; yields this process's device.

    Raises:
        ConfigError: there is no such device, or the environment does not describe a group.
    """
    if "RANK" not in os.environ:
        _check(device)
        yield device
        return
    cuda = device.startswith("cuda")
    own = f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if cuda else device
    _check(own)
    if cuda:
        torch.cuda.set_device(own)
    try:
        distributed.init_process_group("nccl" if cuda else "gloo", timeout=_TIMEOUT)
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"found RANK={os.environ['RANK']} in the environment, but no group of processes: "
            f"{error}; expected what torchrun sets; to train alone, type: unset RANK"
        ) from error
    try:
        yield own
    finally:
        distributed.destroy_process_group()


def _check(device: str) -> None:
    """Refuse a device that is not there; torch's own error would be a traceback."""
    asked, there = None, torch.cuda.device_count()
    with suppress(RuntimeError):  # of a name that it does not know
        asked = torch.device(device)
    if asked is None or (asked.type == "cuda" and (asked.index or 0) >= there):
        raise ConfigError(
            f"--device: found {device!r} and {there} GPUs; expected cpu, or one of the GPUs, such "
            "as cuda:0, for each process"
        )


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def total(number: float, device: torch.device) -> float:
    """The sum of a number over all processes."""
    if not distributed.is_initialized():
        return number
    value = torch.tensor(float(number), dtype=torch.float64, device=device)
    distributed.all_reduce(value)
    return float(value)


def shared(value: T) -> T:
    """The first process's value, in every process; what the others pass is dropped."""
    if not distributed.is_initialized():
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def wait() -> None:
    """Until all processes are here."""
    if distributed.is_initialized():
        distributed.barrier()


def readers(workers: int, device: torch.device) -> int:
    """How many further processes read images for this one, see `OptimConfig.workers`."""
    if workers >= 0:
        return workers
    if device.type == "cpu":
        return 0
    return min(8, own_processors() // count())
