"""The node's caption topics: sentences, detail and overlay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from typing import Any, NamedTuple

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import FrameError, described
from ros2_captioner.ros.node.names import check_apart
from ros2_captioner.ros.node.publishing.output import Output
from ros2_captioner.ros.node.publishing.rendering import Rendering
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
        common, own = _Names.of(_CAPTIONS, "~/overlay"), _own_names(node, cameras)
        # First: two types on one topic are an error without words.
        check_apart(node, cameras, chain(common, *own.values()))
        with ExitStack() as made:
            shared = _Topics(node, common, made)
            self._topics = {camera: [shared] for camera in cameras}
            for camera, names in own.items():
                self._topics[camera].append(_Topics(node, names, made))
            self._made = made.pop_all()

    def listened(self, camera: str, *, overlay: bool) -> bool:
        """Whether anybody subscribes to a topic on which this camera's captions appear.

        Args:
            camera: one of ``cameras``.
            overlay: whether overlays are drawn; if not, who waits for one waits in vain.
        """
        return any(topics.listened(overlay) for topics in self._topics[camera])

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


class _Names(NamedTuple):
    """Topics of one camera, or of all, before remapping."""

    sentence: str
    detail: str
    overlay: str
    compressed_overlay: str

    @classmethod
    def of(cls, captions: str, overlay: str) -> _Names:
        return cls(captions, f"{captions}/detail", overlay, f"{overlay}/compressed")


def _own_names(node: LifecycleNode, cameras: Sequence[str]) -> dict[str, _Names]:
    """The topics that each camera has for itself; none where it is the only one."""
    if len(cameras) == 1:
        return {}
    # Also where the common topic would be without a remapping, which applies to all.
    common = node.resolve_topic_name(_CAPTIONS).removesuffix(f"/{_CAPTIONS}")
    found = own_namespaces(cameras, {node.get_namespace(), common})
    captions = {camera: f"{own}/{_CAPTIONS}" for camera, own in found.items()}
    return {camera: _Names.of(name, f"{name}/overlay") for camera, name in captions.items()}


class _Topics:
    """The topics of one camera, or of all."""

    def __init__(self, node: LifecycleNode, names: _Names, made: ExitStack) -> None:
        def output(kind: type, topic: str) -> Output:
            return made.enter_context(closing(Output(node, kind, topic)))

        self._sentence = output(String, names.sentence)
        self._detail = output(String, names.detail)
        self._overlay = output(Image, names.overlay)
        self._compressed_overlay = output(CompressedImage, names.compressed_overlay)
        self._text = (self._sentence, self._detail)
        self._drawn = (self._overlay, self._compressed_overlay)

    def listened(self, overlay: bool) -> bool:
        """Whether anybody subscribes to one of these; to an overlay only if those are drawn."""
        return any(each.listened for each in (*self._text, *(self._drawn if overlay else ())))

    def wanted(
        self, rendering: Rendering, frame: CaptionedFrame
    ) -> Iterator[tuple[Output, Callable[[], Any]]]:
        """Where to publish, and a function that makes the message."""
        overlay = frame.settings.publish_overlay
        if not frame.unsure:
            yield self._sentence, lambda: rendering.sentence
        yield self._detail, lambda: rendering.detail
        if overlay and self._overlay.listened:
            yield self._overlay, lambda: rendering.overlay
        if overlay and self._compressed_overlay.listened:
            yield self._compressed_overlay, lambda: rendering.compressed_overlay
