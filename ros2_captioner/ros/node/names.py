"""Topics as the graph knows them: each remapping is applied once, and no two become one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rclpy.node import Node

from ros2_captioner.errors import OptionsError

DIAGNOSTICS = "/diagnostics"
_ALWAYS_PUBLISHED = (DIAGNOSTICS, "/rosout", "/parameter_events", "~/transition_event")


def resolved_topics(node: Node, names: Iterable[str]) -> dict[str, str]:
    """The names that topics have in the graph, each with the name it was given by.

    rclpy remaps whatever name an entity is made with, and a name that is remapped twice is
    another one. So the given names make entities, and the resolved ones are only spoken of.

    Args:
        node: knows namespace and remappings.
        names: as given; two that resolve to the same topic are one.
    """
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(node.resolve_topic_name(name), name)
    return found


def check_apart(node: Node, cameras: Iterable[str], outputs: Iterable[str]) -> None:
    """Refuse a topic that would be two of the node's, whose types differ or which would loop.

    Args:
        node: knows namespace and remappings, and publishes diagnostics and what every node does.
        cameras: resolved image topics.
        outputs: names of what else it publishes, as given.

    Raises:
        OptionsError: names the topic.
    """
    resolved = Counter(map(node.resolve_topic_name, (*_ALWAYS_PUBLISHED, *outputs)))
    for topic in resolved.keys() & set(cameras):
        raise OptionsError(
            f"{topic} is an image topic and an output of this node; expected two topics: fix "
            "image_topics or the remapping"
        )
    for topic, count in resolved.items():
        if count > 1:
            raise OptionsError(
                f"{count} outputs of this node are published on {topic}; expected a topic for "
                "each: fix the remapping or the namespace"
            )
