"""One topic that the node publishes, and whether anybody listens to it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from rclpy.lifecycle import LifecycleNode

from ros2_captioner.ros.process.qos_overrides import qos_overrides

_DEPTH = 10


class Output:
    """A lifecycle publisher that counts its listeners by events, or asks where there are none.

    Args:
        node: makes the publisher.
        kind: type of the messages.
        topic: as given, not yet remapped.

    Attributes:
        topic: resolved name.

    Raises:
        OptionsError: ``qos_overrides`` of the topic make no sense.
    """

    def __init__(self, node: LifecycleNode, kind: type, topic: str) -> None:
        self.topic: str = node.resolve_topic_name(topic)
        self._node = node
        self._listeners = 0
        self._events = _matched_events(self._count)
        with qos_overrides(node, self.topic, "publisher") as options:
            self._publisher = node.create_lifecycle_publisher(
                kind, topic, _DEPTH, event_callbacks=self._events, qos_overriding_options=options
            )

    def _count(self, matched: Any) -> None:
        self._listeners = matched.current_count

    @property
    def listened(self) -> bool:
        """Whether anybody subscribes to the topic."""
        if self._events is None:
            return bool(self._publisher.get_subscription_count())
        return self._listeners > 0

    def publish(self, message: Any) -> None:
        """Publish, unless the node is inactive."""
        self._publisher.publish(message)

    def close(self) -> None:
        """Destroy the publisher."""
        self._node.destroy_lifecycle_publisher(self._publisher)


def _matched_events(count: Callable[[Any], None]) -> Any:
    """Let a publisher call ``count`` as subscriptions come and go; None in Humble."""
    try:
        events = import_module("rclpy.event_handler")
    except ImportError:
        return None
    callbacks = {"matched": count}  # a keyword that Humble lacks
    return events.PublisherEventCallbacks(**callbacks)
