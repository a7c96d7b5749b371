"""What a node sees of the ROS graph: the cameras and the captioners, as one line of JSON."""

from __future__ import annotations

import json
import os
import time

import rclpy
from rclpy.node import Node

from ros2_captioner.images.bag import IMAGE_TYPES

_REQUEST = "std_srvs/srv/Trigger"
_LONGEST_LOOK_S = 8.0  # until nobody is said to be there: Fast DDS finds some after 6 s
_QUIET_S = 3.5  # a camera was seen, and nothing new for so long


def main() -> None:
    """Print ``{"cameras": {topic: type}, "captioners": [node]}`` of the domain.

    Several captioners of one name are named as often as they are there.
    """
    see_everybody()
    rclpy.init()
    node = rclpy.create_node("captioner_doctor")
    try:
        print(json.dumps(_settled(node)))
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def see_everybody() -> None:
    """Ask a discovery server, where ROS is set up for one, for topics that are not this node's too.

    To be called before the node is made.
    """
    os.environ.setdefault("ROS_SUPER_CLIENT", "TRUE")


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
    services = {name for name, kinds in node.get_service_names_and_types() if _REQUEST in kinds}
    nodes = [_full(name, space) for name, space in node.get_node_names_and_namespaces()]
    # By a service, which those have too that are not configured, as after a failure.
    captioners = sorted(name for name in nodes if f"{name}/caption" in services)
    for topic, kinds in node.get_topic_names_and_types():
        for kind in set(kinds).intersection(IMAGE_TYPES):
            found = node.get_publishers_info_by_topic(topic)
            publishers = {_full(each.node_name, each.node_namespace) for each in found}
            images[topic] = (kind.rpartition("/")[2], publishers)
    return {  # overlays are images too, but no cameras
        "cameras": {topic: kind for topic, (kind, by) in images.items() if by - {*captioners}},
        "captioners": captioners,
    }


def _full(name: str, namespace: str) -> str:
    return f"{namespace.rstrip('/')}/{name}"
