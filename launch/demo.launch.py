"""Start a camera that plays images, a video, a webcam or a bag, and the captioner on it.

ros2 launch ros2_captioner demo.launch.py
ros2 launch ros2_captioner demo.launch.py source:=/path/to/images
ros2 launch ros2_captioner demo.launch.py source:=/path/to/bag rviz:=true
"""

import os
import re
from pathlib import Path
from typing import List  # noqa: UP035 (launch compares types with it)

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from ros2_captioner.images.bag import IMAGE_TYPES, ImageBag
from ros2_captioner.images.bag_path import is_recording
from ros2_captioner.options import flag, misspelt, number
from ros2_captioner.ros.demo import PHOTOGRAPHS
from ros2_captioner.tools.fast_dds import profiles_variable

_TOPIC = "/camera/image_raw"
_DRAWN = re.compile(r"/(captioner|scene_caption)/overlay(/compressed)?$")
_SHARE = FindPackageShare("ros2_captioner")
_ARGUMENTS = (
    (
        "source",
        str(PHOTOGRAPHS),
        "Folder of images, video file, webcam (0, /dev/video0) or rosbag2 recording",
    ),
    ("rate_hz", "1.0", "Frames a second of images, videos and webcams"),
    ("format", "jpeg", "raw or jpeg: how they are published"),
    ("rate", "1.0", "Speed of a bag, 1.0 as recorded"),
    ("model", "", "Model bundle; empty for the shipped model"),
    ("rviz", "false", "Open RViz on the overlay"),
    ("foxglove", "false", "Start foxglove_bridge; open config/foxglove_layout.json there"),
)


def generate_launch_description() -> LaunchDescription:
    """The player, the captioner, and a viewer if asked for."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in _ARGUMENTS
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_demo)])


def _demo(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    known = [name for name, _, _ in _ARGUMENTS]
    for warning in misspelt(context.launch_configurations, known):  # launch takes any names
        get_logger("demo.launch.py").warning(warning)
    if "image_topics" in context.launch_configurations:
        get_logger("demo.launch.py").warning(
            "image_topics does nothing here: the demo captions what it plays; a camera is "
            "captioned by captioner.launch.py"
        )
    viewers, (player, captioner) = _viewers(context), _camera_and_captioner(context)
    # The captioner's file first: it checks its arguments, and where one is wrong nothing may have
    # started that nobody would end.
    return [captioner, *viewers, player]


def _viewers(context: LaunchContext) -> list[Node]:
    arguments = {
        "rviz2": [
            "-d",
            PathJoinSubstitution([_SHARE, "config", "captioner.rviz"]),
            "--ros-args",
            "-r",
            f"/captioner/overlay:={_overlay(context)}",
        ],
        "foxglove_bridge": [],
    }
    wanted = [
        package
        for name, package in (("rviz", "rviz2"), ("foxglove", "foxglove_bridge"))
        if flag(name, _text(context, name))
    ]
    for package in wanted:
        try:
            get_package_prefix(package)
        except PackageNotFoundError as error:
            debian = f"ros-{os.environ.get('ROS_DISTRO', 'DISTRO')}-{package.replace('_', '-')}"
            raise RuntimeError(
                f"found no package {package}; type: sudo apt install {debian}"
            ) from error
    return [
        Node(package=package, executable=package, arguments=arguments[package])
        for package in wanted
    ]


def _overlay(context: LaunchContext) -> str:
    """The captioner's topic; its own arguments have no default in this file."""
    given = context.launch_configurations
    namespace, name = given.get("namespace", "").strip("/"), given.get("name", "captioner")
    return f"/{namespace}/{name}/overlay" if namespace else f"/{name}/overlay"


def _camera_and_captioner(
    context: LaunchContext,
) -> tuple[Node, IncludeLaunchDescription]:
    source = os.path.expanduser(_text(context, "source"))
    if is_recording(Path(source)):
        topics = _image_topics(source)
        settings = {
            "bag": _string(source),
            "topics": ParameterValue(topics, value_type=List[str]),  # noqa: UP006 (launch's own)
            "rate": number("rate", _text(context, "rate")),
        }
        player = _player(context, "captioner_bag_player", settings)
    else:
        form = _text(context, "format")
        topics = [_TOPIC + ("/compressed" if form == "jpeg" else "")]
        rate_hz = number("rate_hz", _text(context, "rate_hz"))
        settings = {
            "source": _string(source),
            "topic": _TOPIC,
            "format": _string(form),
            "rate_hz": rate_hz,
        }
        player = _player(context, "captioner_image_player", settings)
    captioner = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([_SHARE, "launch", "captioner.launch.py"])
        ),
        launch_arguments={
            "image_topics": str(topics),
            "model": LaunchConfiguration("model"),
        }.items(),
    )
    return player, captioner


def _player(context: LaunchContext, executable: str, parameters: dict[str, object]) -> Node:
    # By default Fast DDS loses large frames in the process that publishes them.
    profile = PathJoinSubstitution([_SHARE, "config", "fastdds_large_images.xml"])
    return Node(
        package="ros2_captioner",
        executable=executable,
        parameters=[parameters],
        additional_env={profiles_variable(): profile.perform(context)},
        on_exit=Shutdown(reason="the player has ended"),
        output="screen",
        emulate_tty=True,
    )


def _string(text: str) -> ParameterValue:
    """What launch_ros passes on as it is: by itself it takes strings for YAML."""
    return ParameterValue(text, value_type=str)


def _text(context: LaunchContext, name: str) -> str:
    return LaunchConfiguration(name).perform(context)


def _image_topics(bag: str) -> list[str]:
    # The captioner refuses its own overlay as a camera, and what it draws now comes there.
    found = sorted(topic for topic in ImageBag(bag).types if not _DRAWN.search(topic))
    if not found:
        raise RuntimeError(f"{bag} holds no camera: no topic of type {' or '.join(IMAGE_TYPES)}")
    return found
