"""Run one node as a process that ends cleanly on SIGINT and SIGTERM."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import NoReturn, TypeVar

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.signals import SignalHandlerOptions
from rclpy.time_source import TimeSource

from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import CaptionerError, described
from ros2_captioner.ros.process.requests import survive_requests
from ros2_captioner.ros.process.signals import clean_up, ignore_signals, on_signal

NodeType = TypeVar("NodeType", bound=Node)
_EXECUTOR_TIMEOUT_S = 1.0
_DELIVERY_S = 10.0
_POLL_S = 0.05
_WARNING_PERIOD_S = 5.0
_HELP = "see --help"
_REMEDIES = {  # by what rcl says
    # As of a service of systemd, which has no HOME.
    "initialize logging": "type: export ROS_LOG_DIR=FOLDER, one to write in",
    "before ros__parameters": (  # also where all lines below that are comments
        "expected a section such as '/**:', in it 'ros__parameters:', and in that at least one "
        "NAME: VALUE"
    ),
}


def run_node(make: Callable[[], NodeType], begin: Callable[[NodeType], None] | None = None) -> int:
    """Make a node, begin its work and spin until a signal or a shutdown.

    Args:
        make: constructs the node; may raise `CaptionerError`.
        begin: called once, in the first turn of the executor, so that the node already answers.

    Returns:
        0 after a clean end, 1 if the node could not be made, 2 if ROS refused to start, 70 if
        something failed that nobody expected.
    """
    executor: SingleThreadedExecutor | None = None
    node: NodeType | None = None
    stop = threading.Event()
    on_signal(stop.set)
    if not _started_ros():
        return 2
    try:
        executor = SingleThreadedExecutor()
        on_signal(partial(_wake_to_stop, executor, stop))
        node = make()
        survive_requests(node)
        executor.add_node(node)
        if begin is not None:
            executor.create_task(begin, node)
        _spin(executor, node, stop)
    except ExternalShutdownException:
        pass
    except CaptionerError as error:
        print(f"error: {in_line(str(error))}", file=sys.stderr)
        return 1
    except Exception as error:
        if node is None:
            print(f"error: {in_line(described(error))}", file=sys.stderr)
            return 1
        traceback.print_exc()
        return os.EX_SOFTWARE
    finally:
        clean_up()
        if executor is not None:
            executor.shutdown(timeout_sec=_EXECUTOR_TIMEOUT_S)
        if node is not None:
            node.destroy_node()
        # A lifecycle node leaves DDS only when nothing refers to it any more. Others would take it
        # for alive, and its shared memory would stay and slow down what starts later.
        executor = node = None
        gc.collect()
        rclpy.try_shutdown()
        ignore_signals()
    return 0


def _started_ros() -> bool:
    """Start rclpy, without signal handlers of its own; where it refuses to, that is told."""
    try:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # what follows --ros-args, or the environment, makes no sense to ROS
        remedy = next((each for cause, each in _REMEDIES.items() if cause in str(error)), _HELP)
        print(
            f"error: ROS refuses the arguments or the environment: {in_line(str(error))}; {remedy}",
            file=sys.stderr,
        )
        return False
    return True


def _wake_to_stop(executor: SingleThreadedExecutor, stop: threading.Event) -> None:
    stop.set()
    executor.create_task(bool)  # does nothing, in one more turn


def _spin(executor: SingleThreadedExecutor, node: Node, stop: threading.Event) -> None:
    """Spin until ``stop``; a time on ``/clock`` that rclpy itself fails at ends no node.

    Not until a future is done: in Jazzy before 7.1.8 each turn adds a callback to it, and those of
    a camera of 30 Hz would take some 500 MB a day.
    """
    while rclpy.ok() and not stop.is_set():
        try:
            executor.spin_once()
        except ValueError as error:
            places = traceback.extract_tb(error.__traceback__)
            if not any(place.name == TimeSource.clock_callback.__name__ for place in places):
                raise
            node.get_logger().warning(
                f"ROS refuses a time on /clock ({error}); expected one from zero on. The last "
                "time that it took stands",
                throttle_duration_sec=_WARNING_PERIOD_S,
            )


def leave(status: int) -> NoReturn:
    """End the process at once.

    Python's own end stops a thread that is still inside a runtime, and that aborts the process.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # its reader went away
            stream.flush()
    os._exit(status)


def end_after_delivery(node: Node, publishers: Collection[Publisher]) -> None:
    """End the process once reliable subscribers have all that was published, or after 10 s.

    A publisher may know a subscriber before that one knows it; what it sent meanwhile would be lost
    with it. Fast DDS settles that in three or six seconds if it does not at once. The executor goes
    on meanwhile, so that a signal is heard.
    """
    deadline_s = time.monotonic() + _DELIVERY_S

    def end_if_delivered() -> None:
        delivered = all(publisher.wait_for_all_acked(Duration()) for publisher in publishers)
        if delivered or time.monotonic() >= deadline_s:
            node.get_logger().info("played to the end")
            rclpy.try_shutdown()

    node.create_timer(_POLL_S, end_if_delivered, clock=Clock(clock_type=ClockType.STEADY_TIME))
