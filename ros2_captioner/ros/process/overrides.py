"""What parameter files and the command line set of a node at start, and what of it does nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from rclpy.node import Node

from ros2_captioner.command_line.text import in_line
from ros2_captioner.options import did_you_mean

QOS_OVERRIDES = "qos_overrides."  # of these rclpy declares what it uses, with the topic


def given_at_start(node: Node) -> dict[str, Any]:
    """The parameters that files and the command line set, declared or not, and their values."""
    given = node._parameter_overrides  # rclpy has no other way to them
    return {name: parameter.value for name, parameter in given.items()}


def warn_of_unknown_names(node: Node, known: Collection[str]) -> None:
    """rclpy is silent about parameters of other names and other nodes, which do nothing."""
    own = node.get_fully_qualified_name()
    for file in (file for option, file in pairwise(sys.argv) if option == "--params-file"):
        content = _content(Path(file))
        if content is not None and not any(
            re.fullmatch(section, own) for section in _sections(content)
        ):
            node.get_logger().warning(
                f"the parameter file {in_line(file)} sets nothing of {own}; expected a section "
                f"'{own}:' or '/**:', and in it 'ros__parameters:'"
            )
    for name in given_at_start(node):
        if node.has_parameter(name) or name.startswith(QOS_OVERRIDES):
            continue
        meant = did_you_mean(name, known)
        others = f"expected one of {', '.join(known)}" if known else "this node has none"
        advice = f"did you mean {meant}?" if meant else others
        node.get_logger().warning(in_line(f"there is no parameter {name}; {advice}"))


def _content(file: Path) -> Any:
    """What rcl has read already; None where it cannot be read again, as from a pipe."""
    try:
        return (yaml.load(file.read_bytes(), yaml.BaseLoader) or {}) if file.is_file() else None
    except (OSError, yaml.YAMLError, RecursionError):
        return None


def _sections(content: Any, above: str = "") -> list[str]:
    """Patterns of the full names of the nodes for which a parameter file has a section.

    As rcl reads it: ``**`` is any names, none too, ``*`` is one, and a namespace may be a level.
    """
    found = []
    for key, below in content.items() if isinstance(content, dict) else ():
        if key == "ros__parameters":
            found.append(above)
        else:
            name = re.escape("/" + key.strip("/")).rstrip("/")  # of the root there is none
            pattern = name.replace(r"/\*\*", r"(/\w+)*").replace(r"/\*", r"/\w+")
            found += _sections(below, above + pattern)
    return found
