"""Start the captioner on one or more camera topics.

ros2 launch ros2_captioner captioner.launch.py image_topics:="['/camera/image_raw']"
"""

import yaml
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription

_DEFAULT_PARAMS = PathJoinSubstitution(
    [FindPackageShare("ros2_captioner"), "config", "captioner.yaml"]
)
_ARGUMENTS = (
    ("image_topics", "", "Camera topics, e.g. ['/camera/image_raw']; empty: as in params_file"),
    ("model", "", "Directory of a model bundle; empty: as in params_file, or the shipped model"),
    ("backend", "", "Runtime of the model, auto or onnxruntime; empty: as in params_file"),
    ("params_file", _DEFAULT_PARAMS, "Parameter file; the arguments above win over it"),
    ("namespace", "", "Namespace of the node and its outputs"),
    ("log_level", "info", "debug, info, warn, error or fatal"),
)


def generate_launch_description() -> LaunchDescription:
    """One captioner node with the arguments above."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in _ARGUMENTS
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_captioner)])


def _captioner(context: LaunchContext) -> list[Node]:
    # Only what was given may override the parameter file, so the values must be known here.
    texts = {
        name: LaunchConfiguration(name).perform(context)
        for name in ("image_topics", "model", "backend")
    }
    given = {name: text for name, text in texts.items() if text}
    if "image_topics" in given:
        topics = yaml.safe_load(given["image_topics"])
        given["image_topics"] = topics if isinstance(topics, list) else [str(topics)]
    captioner = Node(
        package="ros2_captioner",
        executable="captioner_node",
        name="captioner",
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), given],
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        output="screen",
        emulate_tty=True,
    )
    return [captioner]
