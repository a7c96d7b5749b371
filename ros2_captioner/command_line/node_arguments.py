"""The arguments of nodes, most of which are ROS's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ros2_captioner.command_line.parsers import command_parser
from ros2_captioner.options import declarations


def check_node_arguments(
    name: str, description: str, settings: Any, arguments: Sequence[str]
) -> None:
    """Answer ``--help`` and ``--version`` of a node, refuse all but ROS's own arguments.

    Args:
        name: of the executable.
        description: one sentence.
        settings: the node's declared options, which the help lists; None if it has none.
        arguments: without the program's name.

    Raises:
        SystemExit: help or version was printed, or an argument is unknown (status 2).
    """
    parameters = "".join(
        f"  {each.name} ({each.type_name}, {each.typed_default}): {each.description}\n"
        for each in (declarations(settings) if settings else ())
    )
    epilog = "after --ros-args: -p NAME:=VALUE, --params-file FILE, -r FROM:=TO\n"
    if parameters:
        epilog += f"\nparameters:\n{parameters}"
    parser = command_parser(name, description, epilog)
    parser.usage = f"{name} [-h] [--version] [--ros-args ...]"
    parser.parse_args(without_ros_arguments(arguments))


def without_ros_arguments(arguments: Sequence[str]) -> list[str]:
    """What does not stand between ``--ros-args`` and ``--`` or the end."""
    own: list[str] = []
    for_ros = False
    for argument in arguments:
        if argument == "--ros-args":
            for_ros = True
        elif for_ros and argument == "--":
            for_ros = False
        elif not for_ros:
            own.append(argument)
    return own
