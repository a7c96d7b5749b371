"""A player's end, with publishers whose subscribers are slow to take their frames."""

from contextlib import suppress

import pytest
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.task import Future

from ros2_captioner.ros.process import spinning


class SlowPublisher:
    """Its subscribers have all frames when it is asked for the nth time."""

    def __init__(self, asked_times):
        self._left = asked_times

    def wait_for_all_acked(self, timeout):
        assert timeout.nanoseconds == 0, "the executor would stand still"
        self._left -= 1
        return self._left <= 0


@pytest.fixture
def executor():
    rclpy.init()
    executor = SingleThreadedExecutor()
    executor.add_node(rclpy.create_node("player"))
    yield executor
    executor.shutdown()
    rclpy.try_shutdown()


def spin_to_the_end(executor, publishers):
    """Returns how often another timer of the node ran meanwhile."""
    (node,), turns = executor.get_nodes(), []
    node.create_timer(0.01, lambda: turns.append(1))
    spinning.end_after_delivery(node, publishers)
    with suppress(ExternalShutdownException):  # which distributions raise, or not
        executor.spin_until_future_complete(Future())
    assert not rclpy.ok()
    return len(turns)


def test_the_slowest_subscriber_is_waited_for_while_the_node_goes_on(executor):
    slow = SlowPublisher(5)
    assert spin_to_the_end(executor, [SlowPublisher(1), slow]) >= 3
    assert slow._left == 0


def test_a_subscriber_that_takes_nothing_is_not_waited_for_for_ever(executor, monkeypatch):
    monkeypatch.setattr(spinning, "_DELIVERY_S", 0.2)
    slow = SlowPublisher(1_000_000)
    spin_to_the_end(executor, [slow])
    assert slow._left > 0
