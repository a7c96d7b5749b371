"""The node's services while a request waits for the worker; test_node_control.py has the rest."""

import threading
import time
from types import SimpleNamespace

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.task import Future
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
    caption = node.create_client(Trigger, "~/caption")
    enable = node.create_client(SetBool, "~/enable")
    assert caption.wait_for_service(TIMEOUT_S) and enable.wait_for_service(TIMEOUT_S)
    asked = [caption.call_async(Trigger.Request()) for _ in range(2)]
    deadline = time.monotonic() + TIMEOUT_S
    while len(futures) < 2:
        assert time.monotonic() < deadline
        executor.spin_once(timeout_sec=0.1)
    switched = enable.call_async(SetBool.Request(data=False))
    executor.spin_until_future_complete(switched, TIMEOUT_S)
    assert switched.done() and not any(future.done() for future in asked)
    for waited_for, future in zip(asked, futures, strict=True):
        # From the worker's thread, while nothing else wakes the executor.
        threading.Timer(0.1, future.set_result, [Answer(True, "a dog")]).start()
        executor.spin_until_future_complete(waited_for, TIMEOUT_S)
        assert waited_for.done() and waited_for.result().message == "a dog"
