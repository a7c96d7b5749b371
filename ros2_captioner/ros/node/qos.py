"""QoS of the node's topics, with the standard ``qos_overrides`` parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from ros2_captioner.errors import OptionsError
from ros2_captioner.ros.process.parameters import (
    QOS_OVERRIDES,
    given_at_start,
    value_at_start,
)
from ros2_captioner.settings import NodeSettings

_POLICIES = {
    "history": "keep_last or keep_all",
    "depth": "an integer, 0 or more",
    "reliability": "reliable or best_effort",
    "durability": "volatile or transient_local",
    "deadline": "nanoseconds, 0 or more",
    "lifespan": "nanoseconds, 0 or more",
    "liveliness": "automatic or manual_by_topic",
    "liveliness_lease_duration": "nanoseconds, 0 or more",
}
_ONLY_OF_PUBLISHERS = "lifespan"


def camera_profile(settings: NodeSettings) -> QoSProfile:
    """What ``image_reliability`` and ``image_depth`` ask of a camera."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=settings.image_depth,
        reliability=ReliabilityPolicy[settings.image_reliability.upper()],
    )


def overriding_options(node: Node, topic: str, entity: str) -> QoSOverridingOptions | None:
    """Options that let ``qos_overrides.<topic>.<entity>.*`` win; None where none was given.

    rclpy declares such parameters read-only and for the life of the node, so only those that were
    given are declared: the others would freeze ``image_reliability`` and ``image_depth`` at their
    first values.

    Args:
        node: has the overrides.
        topic: resolved name.
        entity: ``publisher`` or ``subscription``.

    Raises:
        OptionsError: an override names no policy, or is negative.
    """
    prefix = f"{QOS_OVERRIDES}{topic}.{entity}."
    given = [n.removeprefix(prefix) for n in given_at_start(node) if n.startswith(prefix)]
    known = [n for n in _POLICIES if entity == "publisher" or n != _ONLY_OF_PUBLISHERS]
    for name in given:
        if name not in known:
            raise OptionsError(f"found {prefix}{name}; expected one of the policies {known}")
        value = value_at_start(node, f"{prefix}{name}")
        if isinstance(value, int) and value < 0:  # DDS would take it for a large number
            raise OptionsError(f"{prefix}{name} is {value}; expected {_POLICIES[name]}")
    kinds = [QoSPolicyKind[name.upper()] for name in given]
    return QoSOverridingOptions(kinds) if kinds else None


def unused_overrides(node: Node) -> list[str]:
    """``qos_overrides`` given for topics that the node does not have, or not in this direction."""
    return [
        name
        for name in given_at_start(node)
        if name.startswith(QOS_OVERRIDES) and not node.has_parameter(name)
    ]


@contextmanager
def naming_overrides(topic: str, options: QoSOverridingOptions | None) -> Iterator[None]:
    """Where overrides were given, a failure to make the topic is told with what they may be.

    Raises:
        OptionsError: names the topic and what each policy takes.
    """
    try:
        yield
    except (AttributeError, RuntimeError, TypeError, ParameterException) as error:
        if options is None:
            raise
        takes = ", ".join(f"{name} {values}" for name, values in _POLICIES.items())
        raise OptionsError(f"qos_overrides of {topic}: {error}; expected {takes}") from error
