"""What a node sees of the ROS graph: the cameras and the captioners, as one line of JSON."""

from __future__ import annotations

import json
import time
from collections import Counter

import rclpy
from rclpy.node import Node

from ros2_captioner.images.bag import IMAGE_TYPES

_OUTPUT = "/scene_caption/detail"
_LONGEST_LOOK_S = 8.0  # until nobody is said to be there: Fast DDS finds some after 6 s
_QUIET_S = 3.5  # a camera was seen, and nothing new for so long


def main() -> None:
    """Print ``{"cameras": {topic: type}, "captioners": [node]}`` of the domain.

    Several captioners of one name are named as often as they are there.
    """
    rclpy.init()
    node = rclpy.create_node("captioner_doctor")
    try:
        print(json.dumps(_settled(node)))
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _settled(node: Node) -> dict[str, object]:
    """What is seen once nothing more is discovered."""
    seen, since = _look(node), time.monotonic()
    deadline = since + _LONGEST_LOOK_S
    while time.monotonic() < deadline:
        if seen["cameras"] and time.monotonic() > since + _QUIET_S:
            break
        rclpy.spin_once(node, timeout_sec=0.1)
        now = _look(node)
        if now != seen:
            seen, since = now, time.monotonic()
    return seen


def _look(node: Node) -> dict[str, object]:
    images: dict[str, tuple[str, set[str]]] = {}
    captioners: Counter[str] = Counter()
    for topic, kinds in node.get_topic_names_and_types():
        publishers = Counter(
            f"{each.node_namespace.rstrip('/')}/{each.node_name}"
            for each in node.get_publishers_info_by_topic(topic)
        )
        if topic.endswith(_OUTPUT):
            captioners |= publishers
        for kind in set(kinds).intersection(IMAGE_TYPES):
            images[topic] = (kind.rpartition("/")[2], set(publishers))
    return {  # overlays are images too, but no cameras
        "cameras": {topic: kind for topic, (kind, by) in images.items() if by - captioners.keys()},
        "captioners": sorted(captioners.elements()),
    }
