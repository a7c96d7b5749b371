"""Names of topics: each remapping is applied once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

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


def own_namespaces(cameras: Iterable[str], common: str) -> Mapping[str, str]:
    """For each of several cameras a namespace for its captions that no other one has.

    ``/front`` for ``/front/image_raw/compressed``; where cameras share that, or it is the node's
    own, the topic without ``/compressed``; where they share that too, the whole topic.

    Args:
        cameras: resolved image topics.
        common: namespace of the captions of all cameras.
    """
    candidates = {camera: _candidates(camera) for camera in cameras}
    claims = Counter(name for names in candidates.values() for name in names)
    claims[common.rstrip("/")] += 1
    return {
        camera: next((name for name in names if claims[name] == 1), camera)
        for camera, names in candidates.items()
    }


def _candidates(camera: str) -> list[str]:
    picture = camera.removesuffix("/compressed")
    return list(dict.fromkeys([picture.rpartition("/")[0], picture, camera]))
