"""Run one node as a process that ends cleanly on SIGINT and SIGTERM."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import rclpy
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher

from ros2_captioner.errors import CaptionerError

NodeType = TypeVar("NodeType", bound=Node)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_EXECUTOR_TIMEOUT_S = 1.0
_DELIVERY = Duration(seconds=2.0)


def run_node(make: Callable[[], NodeType], begin: Callable[[NodeType], None] | None = None) -> int:
    """Make a node, begin its work and spin until a signal or a shutdown.

    Args:
        make: constructs the node; may raise `CaptionerError`.
        begin: called once, in the first turn of the executor, so that the node already answers.

    Returns:
        0 after a clean end, 1 if the node could not be made.
    """
    early: list[int] = []
    executor: SingleThreadedExecutor | None = None
    node: NodeType | None = None
    # rclpy's own handlers shut ROS down, which ends the spin. Python's must not raise beside them:
    # an exception out of nowhere could hit the clean-up.
    for number in _SIGNALS:
        signal.signal(number, lambda number, frame: early.append(number))
    rclpy.init()
    try:
        if early:  # before rclpy listened
            return 0
        executor = SingleThreadedExecutor()
        node = make()
        executor.add_node(node)
        if begin is not None:
            executor.create_task(begin, node)
        executor.spin()
    except ExternalShutdownException:
        pass
    except CaptionerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Exception:
        if rclpy.ok():  # else it failed only because a signal had shut ROS down
            raise
    finally:
        # An impatient second signal must not cut the clean-up off, to the very end of the process.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if executor is not None:
            executor.shutdown(timeout_sec=_EXECUTOR_TIMEOUT_S)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown(uninstall_handlers=False)
    return 0


def end_after_delivery(node: Node, publishers: Iterable[Publisher]) -> None:
    """End the process once reliable subscribers have all that was published, or after 2 s.

    A publisher may know a subscriber before that one knows it; what it sent meanwhile would be lost
    with it.
    """
    for publisher in publishers:
        publisher.wait_for_all_acked(_DELIVERY)
    node.get_logger().info("played to the end")
    rclpy.try_shutdown()
