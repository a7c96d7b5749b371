"""The image topics as the graph knows them: each remapping is applied once."""

from __future__ import annotations

from collections.abc import Iterable

from rclpy.node import Node


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
