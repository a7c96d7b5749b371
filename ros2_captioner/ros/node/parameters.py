"""The settings as parameters of the node: checked as a whole, and changed together."""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Callable, Collection, Iterable
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidTopicNameException
from rclpy.expand_topic_name import expand_topic_name
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.validate_full_topic_name import validate_full_topic_name

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.errors import OptionsError
from ros2_captioner.options import (
    AT_ACTIVATE,
    AT_CONFIGURE,
    Declaration,
    declarations,
    make_options,
)
from ros2_captioner.ros.process.parameters import declare_parameters, message_value
from ros2_captioner.settings import NodeSettings

_DECLARED = {declaration.name: declaration for declaration in declarations(NodeSettings)}


def initial_settings(node: Node) -> NodeSettings:
    """Declare the parameters of the node; returns what was given at start.

    Raises:
        OptionsError: an override from a file or the command line is of the wrong type or value.
    """
    settings = declare_parameters(node, NodeSettings)
    _check_topics(settings)
    return settings


def changed_settings(
    settings: NodeSettings,
    changes: Iterable[Parameter],
    node: str,
    *,
    configured: bool,
    active: bool,
) -> tuple[NodeSettings, SetParametersResult]:
    """The settings after a change, all of it or nothing.

    Args:
        settings: now in force.
        changes: parameters being set; those that are no settings pass.
        node: full name of the node, as it is typed.
        configured: refuse parameters that are read at configure.
        active: refuse parameters that are read at activate.

    Returns:
        The new settings, or the old ones with the reason of the refusal.
    """
    try:
        wanted = {
            change.name: _value(_DECLARED[change.name], change)
            for change in changes
            if change.name in _DECLARED
        }
        for name, value in wanted.items():
            if value != getattr(settings, name):
                _check_liveness(_DECLARED[name], node, configured=configured, active=active)
        changed = make_options(NodeSettings, {**dataclasses.asdict(settings), **wanted})
        _check_topics(changed)
    except OptionsError as error:
        return settings, SetParametersResult(successful=False, reason=str(error))
    return changed, SetParametersResult(successful=True)


def hear_changes(
    node: Node,
    check: Callable[[list[Parameter]], SetParametersResult],
    take: Callable[[list[Parameter]], None],
) -> None:
    """Let a node check changes of its parameters, and take them once nobody refused them.

    Humble tells nobody of that; there a change is taken as it passes the check.
    """
    add_take = getattr(node, "add_post_set_parameters_callback", None)

    def check_and_take(changes: list[Parameter]) -> SetParametersResult:
        result = check(changes)
        if result.successful:
            take(changes)
        return result

    node.add_on_set_parameters_callback(check_and_take if add_take is None else check)
    if add_take is not None:
        add_take(take)


def search_parameters(options: DecodingOptions, without: Collection[str]) -> list[Parameter]:
    """The options of a search as parameters, but those of these names."""
    return [
        Parameter(
            each.name,
            Parameter.Type[each.type_name.upper()],
            message_value(getattr(options, each.name)),
        )
        for each in declarations(DecodingOptions)
        if each.name not in without
    ]


def _value(declaration: Declaration, change: Parameter) -> Any:
    """What an option is set to; `ros2 param delete` sets it to nothing, and it would be gone."""
    if change.type_ == Parameter.Type.NOT_SET:
        raise OptionsError(f"{declaration.name} cannot be deleted; {declaration.expectation}")
    value = change.value
    # Numbers arrive as an array, of which a refusal would speak.
    return declaration.converted(value.tolist() if isinstance(value, array) else value)


def _check_topics(settings: NodeSettings) -> None:
    for topic in settings.image_topics:
        try:
            validate_full_topic_name(expand_topic_name(topic, "captioner", "/"))
        except (ValueError, InvalidTopicNameException) as error:
            hint = f"; a list is typed {topic.split(',')}" if "," in topic else ""
            raise OptionsError(
                f"image_topics holds {topic!r}; expected topic names such as "
                f"'/camera/image_raw'{hint}"
            ) from error


def _check_liveness(declaration: Declaration, node: str, *, configured: bool, active: bool) -> None:
    if configured and declaration.read == AT_CONFIGURE:
        raise OptionsError(
            f"{declaration.name} is read at configure; type: ros2 lifecycle set {node} deactivate, "
            "then cleanup, set the parameter, then configure and activate"
        )
    if active and declaration.read == AT_ACTIVATE:
        raise OptionsError(
            f"{declaration.name} is read at activate; type: ros2 lifecycle set {node} deactivate, "
            "set the parameter, then activate"
        )
