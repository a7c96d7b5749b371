"""A ROS domain that nobody else uses, and shared memory without what killed processes left."""

import contextlib
import fcntl
import random
import tempfile
import time
from pathlib import Path

_FIRST_PORT, _PORTS_A_DOMAIN = 7400, 250  # of DDS
_DOMAINS = range(1, 102)  # ports of higher ones may belong to outgoing connections
_SHARED_MEMORY = Path("/dev/shm")
_STARTED_S = 2.0  # within which a process has taken the lock of a file that it made


def claim_domain():
    """Find a domain and keep it; returns its number and the lock, which lasts until it is closed.

    Other sessions of these tests see the lock, other ROS programs are seen by their ports.
    """
    taken = {(port - _FIRST_PORT) // _PORTS_A_DOMAIN for port in _bound_ports()}
    for domain in random.sample(_DOMAINS, len(_DOMAINS)):
        if domain in taken:
            continue
        try:
            lock = (Path(tempfile.gettempdir()) / f"ros_domain_{domain}.lock").open("w")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another session, or another user
            continue
        return domain, lock
    raise RuntimeError("every ROS domain from 1 to 101 is in use")


def free_shared_memory():
    """Delete the Fast DDS segments of processes that were killed, as ``fastdds shm clean`` does.

    Tests that kill nodes leave up to 32 MiB each. Ports are small, and their names come again: to
    delete one could hit a process that is just opening it.
    """
    for lock_file in _SHARED_MEMORY.glob("fast*_el"):
        if "port" in lock_file.name:
            continue
        # Its owner holds the lock while it lives; other tests do as we do at the same time.
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            if time.time() - lock_file.stat().st_mtime < _STARTED_S:
                continue
            with lock_file.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lock_file.with_name(lock_file.name.removesuffix("_el")).unlink(missing_ok=True)
                lock_file.unlink()


def _bound_ports():
    for table in ("udp", "udp6"):
        file = Path("/proc/net") / table
        for line in file.read_text().splitlines()[1:] if file.exists() else ():
            yield int(line.split()[1].rpartition(":")[2], 16)
