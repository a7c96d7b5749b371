"""Run one node as a process that ends cleanly on SIGINT and SIGTERM."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from ros2_captioner.errors import CaptionerError

NodeType = TypeVar("NodeType", bound=Node)
_EXECUTOR_TIMEOUT_S = 1.0


def run_node(make: Callable[[], NodeType], begin: Callable[[NodeType], None] | None = None) -> int:
    """Make a node, begin its work and spin until a signal or a shutdown.

    Args:
        make: constructs the node; may raise `CaptionerError`.
        begin: called once, in the first turn of the executor, so that the node already answers.

    Returns:
        0 after a clean end, 1 if the node could not be made.
    """
    rclpy.init()
    executor = SingleThreadedExecutor()
    node: NodeType | None = None
    try:
        node = make()
        executor.add_node(node)
        if begin is not None:
            executor.create_task(begin, node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except CaptionerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        # A second signal during the clean-up must not turn a clean end into a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        executor.shutdown(timeout_sec=_EXECUTOR_TIMEOUT_S)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
