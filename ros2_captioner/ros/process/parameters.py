"""Declared options as the parameters of a node."""

from __future__ import annotations

from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from ros2_captioner.errors import OptionsError
from ros2_captioner.options import Declaration, declarations, make_options
from ros2_captioner.ros.process.overrides import warn_of_unknown_names

Settings = TypeVar("Settings")


def declare_parameters(node: Node, kind: type[Settings], *, read_only: bool = False) -> Settings:
    """Declare every option of a dataclass on a node; returns what was given at start.

    Args:
        node: gets the parameters.
        kind: the dataclass.
        read_only: they are read here alone, so that ROS refuses to change them afterwards.

    Raises:
        OptionsError: an override from a file or the command line is of the wrong type or value.
    """
    declared = declarations(kind)
    for declaration in declared:
        try:
            node.declare_parameter(
                declaration.name, message_value(declaration.default), _descriptor(declaration)
            )
            value = node.get_parameter(declaration.name).value
            if declaration.kind is tuple and not value and not isinstance(value, int | float):
                # An empty list carries no type: rclpy takes it for bytes, or for not set.
                empty = Parameter(declaration.name, Parameter.Type.STRING_ARRAY, [])
                node.set_parameters([empty])
            if read_only:  # not before, or the line above would be refused
                node.set_descriptor(declaration.name, _descriptor(declaration, read_only=True))
        except Exception as error:  # rclpy raises several unrelated classes here
            raise OptionsError(
                f"parameter {declaration.name}: {error}; {declaration.expectation}"
            ) from error
    warn_of_unknown_names(node, [each.name for each in declared])
    given = {each.name: each.meant(node.get_parameter(each.name).value) for each in declared}
    return make_options(kind, given)


def message_value(value: Any) -> Any:
    """An option's value as ROS takes it."""
    return list(value) if isinstance(value, tuple) else value


def _descriptor(declaration: Declaration, *, read_only: bool = False) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=declaration.description,
        read_only=read_only,
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
