"""The settings as ROS parameters: declared, checked as a whole, and changed together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidTopicNameException
from rclpy.expand_topic_name import expand_topic_name
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.validate_full_topic_name import validate_full_topic_name

from ros2_captioner.errors import OptionsError
from ros2_captioner.options import (
    AT_ACTIVATE,
    AT_CONFIGURE,
    Declaration,
    declarations,
    make_options,
)
from ros2_captioner.settings import NodeSettings

_DECLARED = {declaration.name: declaration for declaration in declarations(NodeSettings)}


def declare_parameters(node: Node) -> NodeSettings:
    """Declare every setting on a node.

    Raises:
        OptionsError: an override from a file or the command line is of the wrong type or value.
    """
    for declaration in _DECLARED.values():
        try:
            node.declare_parameter(
                declaration.name, _message_value(declaration.default), _descriptor(declaration)
            )
            if declaration.kind is tuple and not node.get_parameter(declaration.name).value:
                # An empty list carries no type: rclpy takes it for bytes, or for not set.
                empty = Parameter(declaration.name, Parameter.Type.STRING_ARRAY, [])
                node.set_parameters([empty])
        except Exception as error:  # rclpy raises several unrelated classes here
            raise OptionsError(
                f"parameter {declaration.name}: {error}; {declaration.expectation}"
            ) from error
    return _checked({name: node.get_parameter(name).value for name in _DECLARED})


def changed_settings(
    settings: NodeSettings, changes: Iterable[Parameter], *, configured: bool, active: bool
) -> tuple[NodeSettings, SetParametersResult]:
    """The settings after a change, all of it or nothing.

    Args:
        settings: now in force.
        changes: parameters being set; those that are no settings pass.
        configured: refuse parameters that are read at configure.
        active: refuse parameters that are read at activate.

    Returns:
        The new settings, or the old ones with the reason of the refusal.
    """
    wanted = {change.name: change.value for change in changes if change.name in _DECLARED}
    try:
        for name in wanted:
            _check_liveness(_DECLARED[name], configured=configured, active=active)
        changed = _checked({**dataclasses.asdict(settings), **wanted})
    except OptionsError as error:
        return settings, SetParametersResult(successful=False, reason=str(error))
    return changed, SetParametersResult(successful=True)


def _checked(values: dict[str, Any]) -> NodeSettings:
    settings = make_options(NodeSettings, values)
    for topic in settings.image_topics:
        try:
            validate_full_topic_name(expand_topic_name(topic, "captioner", "/"))
        except (ValueError, InvalidTopicNameException) as error:
            raise OptionsError(
                f"image_topics holds {topic!r}; expected topic names such as '/camera/image_raw'"
            ) from error
    return settings


def _check_liveness(declaration: Declaration, *, configured: bool, active: bool) -> None:
    if configured and declaration.read == AT_CONFIGURE:
        raise OptionsError(
            f"{declaration.name} is read at configure; type: ros2 lifecycle set NODE deactivate, "
            "then cleanup, set the parameter, then configure and activate"
        )
    if active and declaration.read == AT_ACTIVATE:
        raise OptionsError(
            f"{declaration.name} is read at activate; type: ros2 lifecycle set NODE deactivate, "
            "set the parameter, then activate"
        )


def _message_value(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _descriptor(declaration: Declaration) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=declaration.description,
        additional_constraints=(
            f"one of {', '.join(declaration.choices)}" if declaration.choices else ""
        ),
        # An empty list carries no type, so "banned_words: []" arrives as "not set".
        dynamic_typing=declaration.default == (),
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
