"""Declared options as the parameters of a node."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import yaml
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import OptionsError
from ros2_captioner.options import Declaration, declarations, did_you_mean, make_options

Settings = TypeVar("Settings")
QOS_OVERRIDES = "qos_overrides."  # of these rclpy declares what it uses, with the topic


def declare_parameters(node: Node, kind: type[Settings]) -> Settings:
    """Declare every option of a dataclass on a node; returns what was given at start.

    Raises:
        OptionsError: an override from a file or the command line is of the wrong type or value.
    """
    declared = declarations(kind)
    for declaration in declared:
        try:
            node.declare_parameter(
                declaration.name, message_value(declaration.default), _descriptor(declaration)
            )
            if declaration.kind is tuple and not node.get_parameter(declaration.name).value:
                # An empty list carries no type: rclpy takes it for bytes, or for not set.
                empty = Parameter(declaration.name, Parameter.Type.STRING_ARRAY, [])
                node.set_parameters([empty])
        except Exception as error:  # rclpy raises several unrelated classes here
            raise OptionsError(
                f"parameter {declaration.name}: {error}; {declaration.expectation}"
            ) from error
    warn_of_unknown_names(node, [each.name for each in declared])
    given = {each.name: each.typed(node.get_parameter(each.name).value) for each in declared}
    return make_options(kind, given)


def given_at_start(node: Node) -> tuple[str, ...]:
    """Names of the parameters that files and the command line set, declared or not."""
    return tuple(node._parameter_overrides)  # rclpy has no other way to them


def value_at_start(node: Node, name: str) -> Any:
    """What files and the command line set a parameter to, declared or not."""
    return node._parameter_overrides[name].value


def warn_of_unknown_names(node: Node, known: Collection[str]) -> None:
    """rclpy is silent about parameters of other names and other nodes, which do nothing."""
    own = node.get_fully_qualified_name()
    for file in (file for option, file in pairwise(sys.argv) if option == "--params-file"):
        content = _content(Path(file))
        if content and not any(re.fullmatch(section, own) for section in _sections(content)):
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
    """What rcl has read already; nothing where it cannot be read again, as from a pipe."""
    try:
        return yaml.load(file.read_bytes(), yaml.BaseLoader) if file.is_file() else None
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
            name = re.escape("/" + key.strip("/"))
            pattern = name.replace(r"/\*\*", r"(/\w+)*").replace(r"/\*", r"/\w+")
            found += _sections(below, above + pattern)
    return found


def message_value(value: Any) -> Any:
    """An option's value as ROS takes it."""
    return list(value) if isinstance(value, tuple) else value


def _descriptor(declaration: Declaration) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=declaration.description,
        additional_constraints=(
            f"one of {', '.join(declaration.choices)}" if declaration.choices else ""
        ),
        # So that 1 is taken for 1.0, 0 for a webcam's name, a name for a list of one, and "[]",
        # which carries no type, for an empty list. The settings check all types themselves, and
        # say what they expected; rclpy would name types by their numbers.
        dynamic_typing=True,
    )
    if declaration.low is None or declaration.high is None:
        return descriptor
    if declaration.kind is int:
        low, high = int(declaration.low), int(declaration.high)
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
    else:
        low_high = FloatingPointRange(from_value=declaration.low, to_value=declaration.high)
        descriptor.floating_point_range = [low_high]
    return descriptor
