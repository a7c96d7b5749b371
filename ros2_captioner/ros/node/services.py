"""The services ``~/caption`` and ``~/enable``."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from ros2_captioner.ros.node.worker import CaptionWorker


class CaptionServices:
    """Answers requests for captions, and holds the switch that stops unasked ones.

    Args:
        node: offers the services.
        worker: returns the worker of the active node, else None.
        remedy: returns why there is none, and what to type.
        rests: returns why nothing is captioned unasked; empty while it is.

    Attributes:
        enabled: what ``~/enable`` was last told.
    """

    def __init__(
        self,
        node: Node,
        worker: Callable[[], CaptionWorker | None],
        remedy: Callable[[], str],
        rests: Callable[[], str],
    ) -> None:
        self.enabled = True
        self._node, self._worker = node, worker
        self._remedy, self._rests = remedy, rests
        # A group of its own: a request that waits for the worker holds nobody else up.
        node.create_service(
            Trigger, "~/caption", self._caption, callback_group=ReentrantCallbackGroup()
        )
        node.create_service(SetBool, "~/enable", self._enable)

    async def _caption(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """Caption the newest frame of every camera now, also while disabled."""
        worker = self._worker()
        if worker is None:
            response.message = self._remedy()
            return response
        answered = worker.request()
        answered.add_done_callback(lambda _: self._wake_executor())
        response.success, response.message = await answered
        return response

    def _wake_executor(self) -> None:
        if self._node.executor is not None:
            self._node.executor.wake()

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self.enabled = request.data
        response.success = True
        response.message = self._switched()
        self._node.get_logger().info(f"enabled: {self.enabled}")
        return response

    def _switched(self) -> str:
        """What the switch has brought about, or what else keeps the node from captioning."""
        said = "enabled" if self.enabled else "disabled"
        if self._worker() is None:
            return f"{said}, but {self._remedy()}"
        if not self.enabled:
            return "resting; ~/caption still answers"
        rests = self._rests()
        return f"enabled, but {rests}" if rests else "captioning"
