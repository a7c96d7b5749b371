"""The node's caption topics: sentences, detail and overlay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import FrameError, OptionsError, described
from ros2_captioner.ros.node.output import Output
from ros2_captioner.ros.node.rendering import Rendering
from ros2_captioner.stream.frames import CaptionedFrame
from ros2_captioner.stream.namespaces import own_namespaces

_CAPTIONS = "scene_caption"


class Outputs:
    """Publishers that live from configure to cleanup.

    Args:
        node: makes the publishers.
        cameras: resolved image topics; with several, each has topics of its own.
        captioner: names itself in the detail.

    Attributes:
        cameras: as given.

    Raises:
        OptionsError: ``qos_overrides`` of a topic make no sense, or a topic is a camera's or that
            of another output as well.
    """

    def __init__(self, node: LifecycleNode, cameras: Sequence[str], captioner: Captioner) -> None:
        self.cameras = cameras
        self._captioner, self._node = captioner, node.get_fully_qualified_name()
        with ExitStack() as made:
            common = _Topics(node, _CAPTIONS, "~/overlay", made)
            self._topics = {camera: [common] for camera in cameras}
            if len(cameras) > 1:
                # Also where the common topic would be without a remapping, which applies to all.
                taken = {node.get_namespace(), common.sentence.topic.removesuffix(f"/{_CAPTIONS}")}
                for camera, own in own_namespaces(cameras, taken).items():
                    captions = f"{own}/{_CAPTIONS}"
                    topics = _Topics(node, captions, f"{captions}/overlay", made)
                    self._topics[camera].append(topics)
            _check_apart(cameras, [output.topic for output in self._outputs()])
            self._made = made.pop_all()

    def listened(self) -> bool:
        """Whether anybody subscribes to any of the topics."""
        return any(output.listened for output in self._outputs())

    def _outputs(self) -> list[Output]:
        groups = chain.from_iterable(self._topics.values())
        return list(dict.fromkeys(output for group in groups for output in group.all))

    def publish(self, frame: CaptionedFrame) -> None:
        """Publish one caption everywhere; an overlay is drawn only for those who look.

        Raises:
            FrameError: a topic failed; the others have the caption all the same.
        """
        rendering = Rendering(frame, self._captioner, self._node)
        failures: list[str] = []
        for topics in self._topics[frame.received.camera]:
            for output, message in topics.wanted(rendering, frame):
                try:
                    output.publish(message())
                except Exception as error:
                    failures.append(f"{output.topic}: {described(error)}")
        if failures:
            raise FrameError("publishing_failed", f"publishing failed on {'; '.join(failures)}")

    def close(self) -> None:
        """Destroy the publishers."""
        self._made.close()


def _check_apart(cameras: Sequence[str], outputs: Sequence[str]) -> None:
    for topic in set(cameras).intersection(outputs):
        raise OptionsError(
            f"{topic} is an image topic and an output of this node; expected two topics: fix "
            "image_topics or the remapping"
        )
    for topic, count in Counter(outputs).items():
        if count > 1:
            raise OptionsError(
                f"{count} outputs of this node are published on {topic}; expected a topic for "
                "each: fix the remapping or the namespace"
            )


class _Topics:
    """The topics of one camera, or of all."""

    def __init__(self, node: LifecycleNode, captions: str, overlay: str, made: ExitStack) -> None:
        def output(kind: type, topic: str) -> Output:
            return made.enter_context(closing(Output(node, kind, topic)))

        self.sentence = output(String, captions)
        self._detail = output(String, f"{captions}/detail")
        self._overlay = output(Image, overlay)
        self._compressed_overlay = output(CompressedImage, f"{overlay}/compressed")
        self.all = (self.sentence, self._detail, self._overlay, self._compressed_overlay)

    def wanted(
        self, rendering: Rendering, frame: CaptionedFrame
    ) -> Iterator[tuple[Output, Callable[[], Any]]]:
        """What to publish where, and the message when it is called."""
        overlay = frame.settings.publish_overlay
        if not frame.unsure:
            yield self.sentence, lambda: rendering.sentence
        yield self._detail, lambda: rendering.detail
        if overlay and self._overlay.listened:
            yield self._overlay, lambda: rendering.overlay
        if overlay and self._compressed_overlay.listened:
            yield self._compressed_overlay, lambda: rendering.compressed_overlay
