"""The lifecycle node ``captioner``: camera topics in, captions out."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn as Result
from rclpy.parameter import Parameter

from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import CaptionerError
from ros2_captioner.memory import return_freed_memory
from ros2_captioner.ros.node.bond import ManagerBond
from ros2_captioner.ros.node.cameras import Camera
from ros2_captioner.ros.node.diagnostics import (
    HANGS_AFTER_S,
    camera_status,
    diagnostic_array,
    model_status,
    model_values,
)
from ros2_captioner.ros.node.outputs import Outputs
from ros2_captioner.ros.node.parameters import changed_settings, initial_settings
from ros2_captioner.ros.node.services import CaptionServices
from ros2_captioner.ros.node.worker import CaptionWorker
from ros2_captioner.stream.frames import CaptionedFrame
from ros2_captioner.stream.mailbox import Mailbox
from ros2_captioner.stream.statistics import Statistics

_WATCH_PERIOD_S = 0.4
_DIAGNOSTICS_PERIOD_S = 1.0
_STOP_TIMEOUT_S = 2.0


class CaptionerNode(LifecycleNode):
    """Loads the model at configure, subscribes and captions while active.

    Raises:
        OptionsError: a parameter given at start is of the wrong type or value.
    """

    def __init__(self) -> None:
        super().__init__("captioner")
        # First of all: a refused parameter leaves a node that must still be destroyed cleanly.
        self._captioner: Captioner | None = None
        self._outputs: Outputs | None = None
        self._worker: CaptionWorker | None = None
        self._cameras: list[Camera] = []
        self._bond: ManagerBond | None = None
        self._statistics = Statistics([])
        self._hang_reported = False
        self._trouble_reported = ""
        self._settings = initial_settings(self)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # goes on where simulated time stands
        self.create_timer(_WATCH_PERIOD_S, self._watch, clock=steady)
        self.create_timer(_DIAGNOSTICS_PERIOD_S, self._diagnose, clock=steady)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._caption_services = CaptionServices(self, lambda: self._worker)

    def autostart(self) -> None:
        """Configure and activate, if the parameter ``autostart`` says so."""
        if not self._settings.autostart:
            self.get_logger().info("waiting to be configured (autostart is false)")
        elif self.trigger_configure() == Result.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> Result:
        """Load the model and make the publishers; failure leaves the node unconfigured."""
        del state
        settings = self._settings
        try:
            self._captioner = Captioner.load(
                settings.model,
                settings.backend,
                settings.precision,
                settings.device,
                settings.engine_cache,
                settings.require_signed_model,
            )
        except CaptionerError as error:
            self.get_logger().error(f"cannot configure: {error}")
            return Result.FAILURE
        self._serve(self._topics())
        backend = self._captioner.backend
        self.get_logger().info(
            f"model {self._captioner.bundle.manifest['name']} ({self._captioner.bundle.digest}) "
            f"on {backend.name} {backend.device} {backend.precision}"
        )
        if self._captioner.reason:
            self.get_logger().info(f"passed over: {self._captioner.reason}")
        return Result.SUCCESS

    def _topics(self) -> list[str]:
        """Resolved image topics; one named twice is one camera."""
        names = map(self.resolve_topic_name, self._settings.image_topics)
        return list(dict.fromkeys(names))

    def _serve(self, topics: list[str]) -> None:
        """Make the publishers and counters of these cameras."""
        assert self._captioner is not None
        if self._outputs is not None:
            self._outputs.close()
        self._statistics = Statistics(topics)
        self._outputs = Outputs(self, topics, self._captioner)

    def on_activate(self, state: LifecycleState) -> Result:
        """Subscribe to the cameras and start the worker; failure leaves the node inactive."""
        assert self._captioner is not None and self._outputs is not None
        topics, mailbox = self._topics(), Mailbox()
        if topics != self._outputs.cameras:
            self._serve(topics)
        try:
            for topic in topics:
                self._cameras.append(Camera(self, topic, self._settings, mailbox, self._statistics))
        except CaptionerError as error:
            self._stop_work()
            self.get_logger().error(f"cannot activate: {error}")
            return Result.FAILURE
        self._worker = CaptionWorker(
            self._captioner,
            mailbox,
            lambda: self._settings,
            lambda: not self._rests(),
            self._publish,
            self._statistics,
            self.get_clock(),
            self.get_logger(),
        )
        result: Result = super().on_activate(state)
        self._worker.start()
        if not self._settings.autostart:  # else nobody manages the node
            self._bond = ManagerBond(self, self._settings.bond_heartbeat_period)
        self.get_logger().info(f"captioning {', '.join(topics)}")
        return result

    def on_deactivate(self, state: LifecycleState) -> Result:
        """Stop work; the model stays loaded."""
        self._stop_work()
        self.get_logger().info("deactivated")
        result: Result = super().on_deactivate(state)
        return result

    def on_cleanup(self, state: LifecycleState) -> Result:
        """Free the model and the publishers."""
        del state
        self._release()
        return Result.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> Result:
        """Stop work and free everything, from any state."""
        del state
        self._release()
        return Result.SUCCESS

    def on_error(self, state: LifecycleState) -> Result:
        """Fall back to unconfigured after a failed transition."""
        del state
        self._release()
        return Result.SUCCESS

    def destroy_node(self) -> None:
        """Stop the worker before the node's handles go."""
        self._stop_work()
        super().destroy_node()

    def _stop_work(self) -> None:
        if self._bond is not None:
            self._bond.close()
        self._bond = None
        while self._cameras:
            self._cameras.pop().close()
        if self._worker is not None and not self._worker.stop(_STOP_TIMEOUT_S):
            self.get_logger().error(f"the worker did not stop within {_STOP_TIMEOUT_S} s")
        self._worker = None

    def _release(self) -> None:
        self._stop_work()
        if self._outputs is not None:
            self._outputs.close()
        self._outputs = self._captioner = None
        return_freed_memory()

    def _on_set_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        self._settings, result = changed_settings(
            self._settings,
            changes,
            configured=self._captioner is not None,
            active=self._worker is not None,
        )
        return result

    def _rests(self) -> str:
        """Why nothing is captioned on its own; empty while there is work to do."""
        if self._worker is None or self._outputs is None:
            return "not active"
        if not self._caption_services.enabled:
            return "disabled by ~/enable"
        if not self._settings.always_on and not self._outputs.listened():
            return "nobody subscribes to an output (always_on is false)"
        return ""

    def _publish(self, frame: CaptionedFrame) -> None:
        """Publish one caption; runs in the worker's thread."""
        if self._outputs is not None:
            self._outputs.publish(frame)

    def _watch(self) -> None:
        """Inspect the cameras; report once a runtime that failed, and an inference that hangs."""
        for camera in self._cameras:
            camera.inspect()
        trouble = self._captioner.trouble if self._captioner else ""
        if trouble != self._trouble_reported:
            self.get_logger().warning(trouble or "the runtime works again")
        self._trouble_reported = trouble
        hangs = self._worker is not None and self._worker.busy_s > HANGS_AFTER_S
        if hangs and not self._hang_reported:
            self.get_logger().error(f"one batch has taken more than {HANGS_AFTER_S} s so far")
        self._hang_reported = hangs

    def _diagnose(self) -> None:
        name = self.get_fully_qualified_name()
        model = model_status(
            name,
            rests=self._rests(),
            trouble=self._captioner.trouble if self._captioner else "",
            busy_s=self._worker.busy_s if self._worker else 0.0,
            model=model_values(self._captioner) if self._captioner else {},
            latencies_s=(self._statistics.latency_s(0.5), self._statistics.latency_s(0.95)),
        )
        problems = {camera.topic: camera.problem for camera in self._cameras}
        statuses = [
            camera_status(name, report, problems[report.camera])
            for report in self._statistics.report()
            if report.camera in problems
        ]
        self._diagnostics.publish(
            diagnostic_array(self.get_clock().now().to_msg(), [model, *statuses])
        )
