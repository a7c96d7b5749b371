"""The lifecycle node ``captioner``: camera topics in, captions out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn as Result
from rclpy.parameter import Parameter

from ros2_captioner.captioner import Captioner
from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import OptionsError, described
from ros2_captioner.memory import return_freed_memory
from ros2_captioner.ros.node.bond import ManagerBond
from ros2_captioner.ros.node.cameras import Camera
from ros2_captioner.ros.node.diagnostics import (
    camera_status,
    diagnostic_array,
    diagnostics_name,
    model_status,
    model_values,
)
from ros2_captioner.ros.node.duplicate_name import DuplicateName
from ros2_captioner.ros.node.faults import Faults
from ros2_captioner.ros.node.names import DIAGNOSTICS, check_apart, resolved_topics
from ros2_captioner.ros.node.parameters import (
    changed_settings,
    hear_changes,
    initial_settings,
    search_parameters,
)
from ros2_captioner.ros.node.publishing.outputs import Outputs
from ros2_captioner.ros.node.services import CaptionServices
from ros2_captioner.ros.node.worker import CaptionWorker
from ros2_captioner.ros.process.overrides import given_at_start
from ros2_captioner.ros.process.qos_overrides import (
    qos_overrides,
    warn_of_unused_overrides,
)
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.mailbox import Mailbox
from ros2_captioner.stream.statistics import Statistics

_WATCH_PERIOD_S = 0.4
_DIAGNOSTICS_PERIOD_S = 1.0
_STOP_TIMEOUT_S = 2.0


class CaptionerNode(LifecycleNode):
    """Loads the model at configure, subscribes and captions while active.

    The executor's thread runs all methods. While the node is active, the worker's thread reads the
    settings, which are only replaced as a whole, and calls `_rests` and `Outputs.publish` as well.

    Raises:
        OptionsError: a parameter given at start is of the wrong type or value, overrides of
            /diagnostics among them, or a remapping puts that on another topic of every node.
    """

    def __init__(self) -> None:
        super().__init__("captioner")
        # First of all: a refused parameter leaves a node that must still be destroyed cleanly.
        # From configure to cleanup:
        self._captioner: Captioner | None = None
        self._outputs: Outputs | None = None
        # From activate to deactivate:
        self._worker: CaptionWorker | None = None
        self._cameras: list[Camera] = []
        self._working = ExitStack()  # undoes what activate did: bond, cameras, worker, publishers
        self._failure = ""
        self._faults = Faults(self.get_logger())
        self._duplicate = DuplicateName(self)
        self._statistics = Statistics([])
        self._hang_reported = False
        self._trouble_reported = ""
        self._settings = initial_settings(self)
        self._chosen = set(given_at_start(self))  # parameters that somebody set
        hear_changes(self, self._check_changes, self._take_changes)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # goes on where simulated time stands
        watch = self._faults.surviving("watching the cameras", self._watch)
        diagnose = self._faults.surviving("publishing /diagnostics", self._diagnose)
        self.create_timer(_WATCH_PERIOD_S, watch, clock=steady)
        self.create_timer(_DIAGNOSTICS_PERIOD_S, diagnose, clock=steady)
        check_apart(self, (), ())
        topic = self.resolve_topic_name(DIAGNOSTICS)
        with qos_overrides(self, topic, "publisher") as options:
            self._diagnostics = self.create_publisher(
                DiagnosticArray, DIAGNOSTICS, 10, qos_overriding_options=options
            )
        self._caption_services = CaptionServices(
            self, lambda: self._worker, self._remedy, self._rests
        )

    def autostart(self) -> None:
        """Configure and activate, if the parameter ``autostart`` says so."""
        if not self._settings.autostart:
            self.get_logger().info(
                f"waiting to be configured (autostart is false): {self._remedy()}"
            )
        elif self.trigger_configure() == Result.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> Result:
        """Load the model and make the publishers; failure leaves the node unconfigured."""
        return self._attempt("configure", self._configure, Result.FAILURE, undo=self._release)

    def on_activate(self, state: LifecycleState) -> Result:
        """Subscribe to the cameras and start the worker; failure leaves the node inactive."""
        return self._attempt(
            "activate", lambda: self._activate(state), Result.FAILURE, undo=self._working.close
        )

    def on_deactivate(self, state: LifecycleState) -> Result:
        """Stop work; the model stays loaded."""
        return self._attempt("deactivate", self._deactivate, Result.ERROR)

    def on_cleanup(self, state: LifecycleState) -> Result:
        """Free the model and the publishers."""
        return self._attempt("cleanup", self._release, Result.ERROR)

    def on_shutdown(self, state: LifecycleState) -> Result:
        """Stop work and free everything, from any state; it is final even where that fails."""
        return self._attempt("shut down", self._release, Result.FAILURE)

    def on_error(self, state: LifecycleState) -> Result:
        """Fall back to unconfigured after a failed transition."""
        with self._faults.survived("freeing what a failed transition left"):
            self._release()
        return Result.SUCCESS

    def _attempt(
        self,
        transition: str,
        work: Callable[[], None],
        failed: Result,
        undo: Callable[[], None] = lambda: None,
    ) -> Result:
        """Do the work of a transition; rclpy itself would keep a failure to itself."""
        try:
            work()
        except Exception as error:
            self._failure = in_line(f"cannot {transition}: {described(error)}")
            self.get_logger().error(self._failure)
            with self._faults.survived(f"undoing {transition}"):
                undo()
            return failed
        self._failure = ""
        return Result.SUCCESS

    def _configure(self) -> None:
        settings = self._settings
        if settings.backend == "tensorrt" or settings.device == "cuda":
            self.get_logger().info(
                "loading the model; TensorRT engines that the cache lacks are built first, which "
                "takes minutes"
            )
        captioner = self._captioner = Captioner.load(
            settings.model,
            settings.backend,
            settings.precision,
            settings.device,
            settings.engine_cache,
            settings.require_signed_model,
        )
        self._search_as_the_bundle_does(captioner)
        self._serve(list(self._topics()))
        backend = captioner.backend
        self.get_logger().info(
            f"model {in_line(captioner.bundle.manifest['name'])} ({captioner.bundle.digest}) "
            f"on {backend.name} {backend.device} {backend.precision}"
        )
        if captioner.reason:
            self.get_logger().info(in_line(f"passed over: {captioner.reason}"))

    def _search_as_the_bundle_does(self, captioner: Captioner) -> None:
        """Give the search parameters that nobody set the values that the bundle was tuned with."""
        chosen = set(self._chosen)
        tuned = search_parameters(captioner.default_options(), without=chosen)
        result = self.set_parameters_atomically(tuned)
        self._chosen = chosen  # `_take_changes` has added those of the bundle
        if not result.successful:
            raise OptionsError(
                f"the search of {captioner.bundle.path} contradicts a parameter: {result.reason}; "
                "set both"
            )

    def _topics(self) -> dict[str, str]:
        """The image topics as the graph knows them, and the names they were given by."""
        return resolved_topics(self, self._settings.image_topics)

    def _serve(self, topics: list[str]) -> None:
        """Make the publishers and counters of these cameras."""
        assert self._captioner is not None
        if self._outputs is not None:
            self._outputs.close()
        self._outputs = None
        self._statistics = Statistics(topics)
        self._outputs = Outputs(self, topics, self._captioner)

    def _activate(self, state: LifecycleState) -> None:
        topics, mailbox, undo = self._topics(), Mailbox(), self._working
        if self._outputs is None or list(topics) != self._outputs.cameras:
            self._serve(list(topics))
        assert self._captioner is not None and self._outputs is not None
        self._statistics.go_on()
        self._cameras = []
        worker = CaptionWorker(
            self._captioner,
            mailbox,
            lambda: self._settings,
            lambda camera: not self._rests(camera),
            self._outputs.publish,
            self._statistics,
            self._faults,
            self.get_clock(),
            self.get_logger(),
        )
        undo.callback(self._forget_work)
        undo.callback(super().on_deactivate, state)
        super().on_activate(state)
        worker.start()
        undo.callback(self._stop, worker)
        self._worker = worker
        for topic, name in topics.items():
            camera = Camera(self, topic, name, self._settings, mailbox, self._statistics)
            undo.callback(camera.close)
            self._cameras.append(camera)
        if not self._settings.autostart:  # else nobody manages the node
            bond = ManagerBond(self, self._settings.bond_heartbeat_period)
            undo.callback(bond.close)
        warn_of_unused_overrides(self)
        self.get_logger().info(f"captioning {', '.join(topics)}")

    def _deactivate(self) -> None:
        self._working.close()
        self.get_logger().info("deactivated")

    def _stop(self, worker: CaptionWorker) -> None:
        if not worker.stop(_STOP_TIMEOUT_S):
            self.get_logger().error(f"the worker did not stop within {_STOP_TIMEOUT_S} s")

    def _forget_work(self) -> None:
        self._worker = None
        self._cameras.clear()

    def _release(self) -> None:
        with ExitStack() as steps:  # all of them, whichever fails; the last one first
            steps.callback(return_freed_memory)
            steps.callback(self._unload)
            steps.callback(self._working.close)

    def _unload(self) -> None:
        outputs, self._outputs, self._captioner = self._outputs, None, None
        if outputs is not None:
            outputs.close()

    def destroy_node(self) -> None:
        """Stop the worker before the node's handles go."""
        with self._faults.survived("stopping work"):
            self._working.close()
        super().destroy_node()

    def _remedy(self) -> str:
        """Why the node does not caption, and what to type."""
        state = self._state_machine.current_state[1]
        if state == "finalized":
            return "the node was shut down; start it again"
        reason = self._failure or f"the node is {state}"
        steps = "activate" if self._captioner else "configure"
        command = f"ros2 lifecycle set {self.get_fully_qualified_name()} {steps}"
        return f"{reason}; {'fix that, then ' if self._failure else ''}type: {command}"

    def _changed(self, changes: list[Parameter]) -> tuple[NodeSettings, SetParametersResult]:
        return changed_settings(
            self._settings,
            changes,
            self.get_fully_qualified_name(),
            configured=self._captioner is not None,
            active=self._worker is not None,
        )

    def _check_changes(self, changes: list[Parameter]) -> SetParametersResult:
        return self._changed(changes)[1]

    def _take_changes(self, changes: list[Parameter]) -> None:
        self._settings, _ = self._changed(changes)
        self._chosen.update(change.name for change in changes)

    def _rests(self, *cameras: str) -> str:
        """Why none of these cameras, or of all, is captioned on its own; empty while one is."""
        if self._worker is None or self._outputs is None:
            return self._remedy()
        if not self._caption_services.enabled:
            return "disabled by ~/enable"
        settings, outputs = self._settings, self._outputs
        heard = settings.always_on or any(
            outputs.listened(camera, overlay=settings.publish_overlay)
            for camera in cameras or outputs.cameras
        )
        return (
            "" if heard else "nobody subscribes to an output that is published (always_on is false)"
        )

    def _watch(self) -> None:
        """Inspect cameras and graph; report once a runtime that failed, and one that hangs."""
        self._duplicate.inspect()
        for camera in self._cameras:
            camera.inspect()
        trouble = self._captioner.trouble if self._captioner else ""
        if trouble != self._trouble_reported and self._captioner:  # unloading mends nothing
            self.get_logger().warning(in_line(trouble) or "the runtime works again")
        self._trouble_reported = trouble
        self._report_hang()

    def _report_hang(self) -> None:
        hangs_s = self._worker.hangs_s if self._worker else 0.0
        if hangs_s and not self._hang_reported:
            self.get_logger().error(f"one batch has taken {hangs_s:.1f} s so far")
        self._hang_reported = hangs_s > 0

    def _diagnose(self) -> None:
        name = diagnostics_name(self)
        model = model_status(
            name,
            rests=self._rests(),
            trouble=self._captioner.trouble if self._captioner else "",
            hangs_s=self._worker.hangs_s if self._worker else 0.0,
            model=model_values(self._captioner) if self._captioner else {},
            latencies_s=(self._statistics.latency_s(0.5), self._statistics.latency_s(0.95)),
            failure=self._failure,
            fault=self._faults.fresh() or self._duplicate.problem,
        )
        problems = {camera.topic: camera.problem for camera in self._cameras}
        unheard = f"the node is {self._state_machine.current_state[1]}"
        statuses = [
            camera_status(
                name,
                report,
                problems.get(report.camera, ""),
                unheard="" if report.camera in problems else unheard,
            )
            for report in self._statistics.report()
        ]
        self._diagnostics.publish(
            diagnostic_array(self.get_clock().now().to_msg(), [model, *statuses])
        )
