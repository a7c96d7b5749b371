"""The standard ``qos_overrides`` parameters: which apply, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.node import Node
from rclpy.qos import QoSPolicyKind
from rclpy.qos_overriding_options import QoSOverridingOptions

from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import OptionsError
from ros2_captioner.ros.process.overrides import QOS_OVERRIDES, given_at_start

_MOST_DEPTH = 2**31 - 1  # rclpy passes it on as a C int
_POLICIES = {
    "history": "keep_last or keep_all",
    "depth": f"an integer, 1 to {_MOST_DEPTH}, or 0 where history is keep_all",
    "reliability": "reliable or best_effort",
    "durability": "volatile or transient_local",
    "deadline": "nanoseconds, 0 or more",
    "lifespan": "nanoseconds, 0 or more",
    "liveliness": "automatic or manual_by_topic",
    "liveliness_lease_duration": "nanoseconds, 0 or more",
}
_ONLY_OF_PUBLISHERS = "lifespan"


@contextmanager
def qos_overrides(node: Node, topic: str, entity: str) -> Iterator[QoSOverridingOptions | None]:
    """Options that let ``qos_overrides.<topic>.<entity>.*`` win; None where none was given.

    The entity is made inside: where overrides were given, a failure to make it is told with what
    they may be.

    Args:
        node: has the overrides.
        topic: resolved name.
        entity: ``publisher`` or ``subscription``.

    Raises:
        OptionsError: an override names no policy, or its value is none.
    """
    options = _given(node, f"{QOS_OVERRIDES}{topic}.{entity}.", entity)
    try:
        yield options
    except Exception as error:  # rclpy raises several unrelated classes here
        if options is None:
            raise
        takes = ", ".join(f"{name} {values}" for name, values in _POLICIES.items())
        raise OptionsError(f"qos_overrides of {topic}: {error}; expected {takes}") from error


def warn_of_unused_overrides(node: Node, awaited: str | None = None) -> None:
    """Name the ``qos_overrides`` of topics that the node does not have, or not that way.

    Best called once all entities are made.

    Args:
        node: has the overrides.
        awaited: what is in the names of those whose entities may still be made.
    """
    for name in given_at_start(node):
        if awaited is not None and awaited in name:
            continue
        if name.startswith(QOS_OVERRIDES) and not node.has_parameter(name):
            text = f"{name} is of no topic of this node; see ros2 node info"
            node.get_logger().warning(in_line(text))


def _given(node: Node, prefix: str, entity: str) -> QoSOverridingOptions | None:
    """The policies that were given under a prefix.

    rclpy declares such parameters read-only and for the life of the node, so only those that were
    given are declared: the others would freeze ``image_reliability`` and ``image_depth`` at their
    first values.
    """
    given = {
        name.removeprefix(prefix): value
        for name, value in given_at_start(node).items()
        if name.startswith(prefix)
    }
    known = [name for name in _POLICIES if entity == "publisher" or name != _ONLY_OF_PUBLISHERS]
    for name, value in given.items():
        if name not in known:
            raise OptionsError(f"found {prefix}{name}; expected one of the policies {known}")
        if isinstance(value, int) and not _takes(name, value, given.get("history")):
            raise OptionsError(f"{prefix}{name} is {value}; expected {_POLICIES[name]}")
    # The history first: rclpy warns of a depth of 0 before it is told of keep_all.
    kinds = [QoSPolicyKind[name.upper()] for name in known if name in given]
    return QoSOverridingOptions(kinds) if kinds else None


def _takes(policy: str, value: int, history: object) -> bool:
    """Whether a number is one of a policy; DDS would take a negative one for a large one."""
    if policy == "depth":
        return (0 if history == "keep_all" else 1) <= value <= _MOST_DEPTH
    return value >= 0
