"""The turns of a node's executor, and a player's end where subscribers are slow to take frames."""

import gc
import threading
from contextlib import suppress
from types import FunctionType

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


def functions():
    return sum(isinstance(each, FunctionType) for each in gc.get_objects())


def test_turns_of_the_executor_leave_nothing_behind(executor):
    (node,), counts, stop = executor.get_nodes(), [], threading.Event()

    def turn():
        counts.append(functions() if len(counts) in (50, 350) else 0)
        if len(counts) > 350:
            stop.set()

    node.create_timer(0.001, turn)
    spinning._spin(executor, node, stop)
    assert counts[350] - counts[50] < 100


def test_a_signal_wakes_an_executor_that_has_nothing_to_do(executor):
    (node,), stop = executor.get_nodes(), threading.Event()
    signal = threading.Timer(0.2, spinning._wake_to_stop, [executor, stop])
    signal.start()
    spinning._spin(executor, node, stop)  # or for ever
    signal.join()
