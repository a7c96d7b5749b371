"""The lifecycle node ``captioner``: camera topics in, captions out."""

from __future__ import annotations

import sys

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher, LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn as Result
from rclpy.parameter import Parameter
from std_msgs.msg import String

from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import CaptionerError
from ros2_captioner.ros.cameras import Camera
from ros2_captioner.ros.detail import detail_json
from ros2_captioner.ros.mailbox import Mailbox
from ros2_captioner.ros.parameters import changed_settings, declare_parameters
from ros2_captioner.ros.process import run_node
from ros2_captioner.ros.worker import CaptionedFrame, CaptionWorker

_GRAPH_PERIOD_S = 0.5
_STOP_TIMEOUT_S = 2.0


class CaptionerNode(LifecycleNode):
    """Loads the model at configure, subscribes and captions while active.

    Raises:
        OptionsError: a parameter given at start is of the wrong type or value.
    """

    def __init__(self) -> None:
        super().__init__("captioner")
        # First of all: a refused parameter leaves a node that must still be destroyed cleanly.
        self._configured = False
        self._captioner: Captioner | None = None
        self._worker: CaptionWorker | None = None
        self._cameras: list[Camera] = []
        self._outputs: dict[str, list[LifecyclePublisher]] = {}
        self._detail: LifecyclePublisher | None = None
        self._settings = declare_parameters(self)
        self._graph_timer = self.create_timer(_GRAPH_PERIOD_S, self._follow_types)
        self.add_on_set_parameters_callback(self._on_set_parameters)

    def autostart(self) -> None:
        """Configure and activate, if the parameter ``autostart`` says so."""
        if not self._settings["autostart"]:
            self.get_logger().info("waiting to be configured (autostart is false)")
        elif self.trigger_configure() == Result.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> Result:
        """Load the model and make the publishers; failure leaves the node unconfigured."""
        del state
        settings = self._settings
        try:
            self._captioner = Captioner.load(
                settings["model"], settings["backend"], settings["precision"], settings["device"]
            )
        except CaptionerError as error:
            self.get_logger().error(f"cannot configure: {error}")
            return Result.FAILURE
        self._detail = self.create_lifecycle_publisher(String, "scene_caption/detail", 10)
        self._outputs = self._make_outputs()
        self._configured = True
        backend = self._captioner.backend
        self.get_logger().info(
            f"model {self._captioner.bundle.manifest['name']} ({self._captioner.bundle.digest}) "
            f"on {backend.name} {backend.device} {backend.precision}"
        )
        return Result.SUCCESS

    def _make_outputs(self) -> dict[str, list[LifecyclePublisher]]:
        """Publishers of the sentence by camera: the common one; with several, its own too."""
        common = self.create_lifecycle_publisher(String, "scene_caption", 10)
        topics = [self.resolve_topic_name(topic) for topic in self._settings["image_topics"]]
        outputs = {topic: [common] for topic in topics}
        if len(outputs) > 1:
            for topic, publishers in outputs.items():
                name = f"{camera_namespace(topic)}/scene_caption"
                publishers.append(self.create_lifecycle_publisher(String, name, 10))
        return outputs

    def on_activate(self, state: LifecycleState) -> Result:
        """Subscribe to the cameras and start the worker."""
        assert self._captioner is not None
        mailbox = Mailbox()
        self._worker = CaptionWorker(
            self._captioner,
            mailbox,
            lambda: self._settings,
            self._publish,
            self.get_clock(),
            self.get_logger(),
        )
        result: Result = super().on_activate(state)
        self._worker.start()
        self._cameras = [Camera(self, topic, self._settings, mailbox) for topic in self._outputs]
        names = ", ".join(camera.topic for camera in self._cameras)
        self.get_logger().info(f"captioning {names}")
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
        while self._cameras:
            self._cameras.pop().close()
        if self._worker is not None and not self._worker.stop(_STOP_TIMEOUT_S):
            self.get_logger().error(f"the worker did not stop within {_STOP_TIMEOUT_S} s")
        self._worker = None

    def _release(self) -> None:
        self._stop_work()
        publishers = {p for several in self._outputs.values() for p in several}
        for publisher in publishers | ({self._detail} if self._detail else set()):
            self.destroy_lifecycle_publisher(publisher)
        self._outputs, self._detail = {}, None
        self._captioner = None
        self._configured = False

    def _follow_types(self) -> None:
        for camera in self._cameras:
            camera.follow_type()

    def _on_set_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        self._settings, result = changed_settings(
            self._settings, changes, configured=self._configured
        )
        return result

    def _publish(self, frame: CaptionedFrame) -> None:
        """Publish one caption; runs in the worker's thread."""
        captioner, detail = self._captioner, self._detail
        if captioner is None or detail is None or not rclpy.ok():
            return
        for publisher in self._outputs[frame.letter.camera]:
            publisher.publish(String(data=frame.caption.text))
        text = detail_json(
            header=frame.letter.message.header,
            camera=frame.letter.camera,
            caption=frame.caption,
            timing=frame.timing,
            frame_age_s=frame.frame_age_s,
            captioner=captioner,
            settings=frame.settings,
        )
        detail.publish(String(data=text))


def camera_namespace(topic: str) -> str:
    """The namespace of an image topic: ``/front/image_raw/compressed`` is of ``/front``."""
    parts = topic.removesuffix("/compressed").rsplit("/", 1)
    return parts[0] or topic


def main() -> None:
    """Entry point of ``ros2 run ros2_captioner captioner_node``."""
    sys.exit(run_node(CaptionerNode, CaptionerNode.autostart))


if __name__ == "__main__":
    main()
