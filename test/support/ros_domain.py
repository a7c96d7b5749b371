"""A ROS domain that nobody else on this machine uses."""

import fcntl
import random
import tempfile
from pathlib import Path

_FIRST_PORT, _PORTS_A_DOMAIN = 7400, 250  # of DDS
_DOMAINS = range(1, 102)  # ports of higher ones may belong to outgoing connections


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


def _bound_ports():
    for table in ("udp", "udp6"):
        file = Path("/proc/net") / table
        for line in file.read_text().splitlines()[1:] if file.exists() else ():
            yield int(line.split()[1].rpartition(":")[2], 16)
