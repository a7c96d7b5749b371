"""Start the captioner on one or more camera topics.

ros2 launch ros2_captioner captioner.launch.py image_topics:="['/camera/image_raw']"
"""

import os
from typing import Any, List  # noqa: UP035 (launch compares types with it)

import yaml
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from ros2_captioner.errors import OptionsError
from ros2_captioner.options import Declaration, declarations, flag, misspelt, number
from ros2_captioner.settings import NodeSettings

_DEFAULT_PARAMS = PathJoinSubstitution(
    [FindPackageShare("ros2_captioner"), "config", "captioner.yaml"]
)
_SETTINGS = {declaration.name: declaration for declaration in declarations(NodeSettings)}
# Node parameters; empty leaves each as the parameter file has it.
_PARAMETERS = {
    **{name: declaration.description for name, declaration in _SETTINGS.items()},
    "use_sim_time": "true: take the time from /clock",
}
# The node ends so when it is told to, and when it cannot start and has said why.
_NO_CRASH = (0, 1, 2)
_PUSHED_NAMESPACE = "ros_namespace"  # launch_ros keeps it among the arguments
_ARGUMENTS = (
    ("params_file", _DEFAULT_PARAMS, "Parameter file; the arguments above win over it"),
    ("name", "captioner", "Name of the node"),
    ("namespace", "", "Namespace of the node and its outputs"),
    ("respawn", "true", "Restart the node after a crash"),
    ("respawn_delay", "0.5", "Seconds from a crash to the restart"),
    ("log_level", "info", "debug, info, warn, error or fatal"),
)


def generate_launch_description() -> LaunchDescription:
    """One captioner node with the arguments above."""
    parameters = [
        DeclareLaunchArgument(
            name, default_value="", description=f"{text}; empty: as in params_file"
        )
        for name, text in _PARAMETERS.items()
    ]
    others = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in _ARGUMENTS
    ]
    return LaunchDescription([*parameters, *others, OpaqueFunction(function=_captioner)])


def _captioner(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    known = [*_PARAMETERS, *(name for name, _, _ in _ARGUMENTS), _PUSHED_NAMESPACE]
    # launch takes any names; those of a file that includes this one are here too.
    for warning in misspelt(context.launch_configurations, known):
        get_logger("captioner.launch.py").warning(warning)
    # Only what was given may override the parameter file, so the values must be known here.
    texts = {name: _text(context, name) for name in _PARAMETERS}
    given = {name: _value(name, text) for name, text in texts.items() if text}
    file = os.path.expanduser(_text(context, "params_file"))
    if not os.path.isfile(file):  # launch_ros would go on without it
        raise OptionsError(f"params_file is {file!r}; expected a parameter file")
    delay_s = number("respawn_delay", _text(context, "respawn_delay"))
    if delay_s < 0:
        raise OptionsError(f"respawn_delay is {delay_s}; expected seconds, 0 or more")
    respawns = flag("respawn", _text(context, "respawn"))
    return _started(file, given, _restoring(context), delay_s if respawns else None)


def _restoring(context: LaunchContext) -> OpaqueFunction:
    """Bring back the arguments, the namespace and so on of now.

    Later a group that includes this file has ended, and another include has set its own arguments.
    """
    configurations, environment = dict(context.launch_configurations), dict(context.environment)

    def restore(context: LaunchContext) -> None:
        for present, wanted in (
            (context.launch_configurations, configurations),
            (context.environment, environment),
        ):
            present.clear()
            present.update(wanted)

    return OpaqueFunction(function=restore)


def _started(
    file: str, given: dict[str, Any], restoring: OpaqueFunction, respawn_delay_s: float | None
) -> list[LaunchDescriptionEntity]:
    """The node, started again after a crash; launch's own respawn knows no exit codes."""
    captioner = Node(
        package="ros2_captioner",
        executable="captioner_node",
        name=LaunchConfiguration("name"),
        namespace=LaunchConfiguration("namespace"),
        parameters=[file, given],
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        output="screen",
        emulate_tty=True,
    )

    def respawn(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if respawn_delay_s is None or event.returncode in _NO_CRASH or context.is_shutdown:
            return []
        again = [restoring, *_started(file, given, restoring, respawn_delay_s)]
        return [
            LogInfo(msg=f"the captioner crashed with status {event.returncode} and is restarted"),
            TimerAction(period=respawn_delay_s, actions=[GroupAction(again)]),
        ]

    after = RegisterEventHandler(OnProcessExit(target_action=captioner, on_exit=respawn))
    return [after, captioner]


def _value(name: str, text: str) -> Any:
    """What was typed, checked, and so that launch_ros passes it on: it takes strings for YAML."""
    if name not in _SETTINGS:
        return flag(name, text)
    setting = _SETTINGS[name]
    value = _parsed(setting, text)
    setting.check(value)
    if setting.kind is tuple:
        if not value:  # launch_ros passes on no list without a type
            raise OptionsError(
                f"{name} is {text!r}; expected at least one entry, or an empty list in params_file"
            )
        return ParameterValue(list(value), value_type=List[str])  # noqa: UP006 (launch's own)
    return ParameterValue(value, value_type=str) if setting.kind is str else value


def _parsed(setting: Declaration, text: str) -> Any:
    if setting.kind is bool:
        return flag(setting.name, text)
    if setting.kind is float:  # also when typed without its point
        return number(setting.name, text)
    if setting.kind is str:
        return text
    try:
        if setting.kind is int:
            return int(text)
        words = yaml.load(text, yaml.BaseLoader)  # every scalar is a string: "no" is a word
    except (ValueError, yaml.YAMLError) as error:
        raise OptionsError(f"{setting.name} is {text!r}; {setting.expectation}") from error
    if isinstance(words, list):
        return tuple(words)
    return (words if isinstance(words, str) else text,)  # one entry needs no brackets


def _text(context: LaunchContext, name: str) -> str:
    return LaunchConfiguration(name).perform(context)
