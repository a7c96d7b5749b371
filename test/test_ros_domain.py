"""The tests' own ROS domain."""

import fcntl
import os
import socket

import pytest
import ros_domain


@pytest.fixture
def domain(monkeypatch):
    """The only domain that there is, free at first."""
    found, lock = ros_domain.claim_domain()
    lock.close()
    monkeypatch.setattr(ros_domain, "_DOMAINS", [found])
    return found


def test_a_domain_belongs_to_one_session(domain):
    found, lock = ros_domain.claim_domain()
    assert found == domain
    with lock, pytest.raises(RuntimeError, match="every ROS domain"):
        ros_domain.claim_domain()


def test_a_domain_whose_ports_are_bound_is_passed_over(domain):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 7400 + 250 * domain + 11))
        with pytest.raises(RuntimeError, match="every ROS domain"):
            ros_domain.claim_domain()


def test_shared_memory_of_the_dead_is_freed_and_that_of_the_living_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(ros_domain, "_SHARED_MEMORY", tmp_path)
    for name in ("fastdds_dead", "fastdds_alive", "fastdds_new", "fastdds_port7411", "other"):
        for file in (tmp_path / name, tmp_path / f"{name}_el"):
            file.touch()
            os.utime(file, (0, 0) if "new" not in name else None)
    with (tmp_path / "fastdds_alive_el").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ros_domain.free_shared_memory()
    kept = ("fastdds_alive", "fastdds_new", "fastdds_port7411", "other")
    assert {file.name for file in tmp_path.iterdir()} == {*kept, *(f"{name}_el" for name in kept)}
