"""Requests that rclpy's own services fail at: they end no node, and each has an answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import described

_WARNING_PERIOD_S = 5.0


def survive_requests(node: Node) -> None:
    """Answer what a service of the node fails at as a request that did not succeed.

    Such are a parameter of a type that does not exist, and up to Jazzy a transition that the state
    does not have, asked for by its number, as nav2 does. rclpy leaves the error to whoever spins.

    Args:
        node: with all its services.
    """
    for service in node.services:
        if not inspect.iscoroutinefunction(service.callback):  # those are this package's own
            service.callback = _surviving(node, service.srv_name, service.callback)


def _surviving(node: Node, name: str, callback: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def guarded(request: Any, response: Any) -> Any:
        try:
            return callback(request, response)
        except Exception as error:
            node.get_logger().warning(
                in_line(f"refused a request on {name}: {described(error)}"),
                throttle_duration_sec=_WARNING_PERIOD_S,
            )
            return response

    return guarded
