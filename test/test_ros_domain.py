"""The tests' own ROS domain."""

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
