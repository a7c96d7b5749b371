"""The node's services while a request waits for the worker; test_node_control.py has the rest."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import SetBool, Trigger

from ros2_captioner.ros.node.answers import Answer
from ros2_captioner.ros.node.services import CaptionServices

TIMEOUT_S = 15.0


@pytest.fixture
def served():
    """A node with the services, whose worker has a future for each request; its executor."""
    context, futures = rclpy.Context(), []
    rclpy.init(context=context)
    node = rclpy.create_node("captioner", context=context)

    def request():
        futures.append(Future())
        return futures[-1]

    CaptionServices(node, lambda: SimpleNamespace(request=request), str, str)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    yield node, executor, futures
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)


def test_requests_that_wait_hold_nobody_up_and_are_answered_at_once(served):
    node, executor, futures = served
    caption, enable = (
        node.create_client(Trigger, "~/caption"),
        node.create_client(SetBool, "~/enable"),
    )
    assert caption.wait_for_service(TIMEOUT_S) and enable.wait_for_service(TIMEOUT_S)
    asked = [caption.call_async(Trigger.Request()) for _ in range(2)]
    switched = enable.call_async(SetBool.Request(data=False))
    executor.spin_until_future_complete(switched, TIMEOUT_S)
    assert switched.done() and not any(future.done() for future in asked)
    while len(futures) < 2:
        executor.spin_once(TIMEOUT_S)
    waiting = executor.create_task(lambda: None)
    executor.spin_until_future_complete(waiting, TIMEOUT_S)
