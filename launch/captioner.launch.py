"""Start the captioner on one or more camera topics.

ros2 launch ros2_captioner captioner.launch.py image_topics:="['/camera/image_raw']"
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

_DEFAULT_PARAMS = PathJoinSubstitution(
    [FindPackageShare("ros2_captioner"), "config", "captioner.yaml"]
)
_ARGUMENTS = (
    ("image_topics", "['/camera/image_raw']", "Camera topics, a YAML list of names"),
    ("model", "", "Directory of a model bundle; empty for the shipped model"),
    ("backend", "auto", "Runtime of the model: auto or onnxruntime"),
    ("params_file", _DEFAULT_PARAMS, "Parameter file; arguments of this launch win over it"),
    ("namespace", "", "Namespace of the node and its outputs"),
    ("log_level", "info", "debug, info, warn, error or fatal"),
)


def generate_launch_description() -> LaunchDescription:
    """One captioner node with the arguments above."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in _ARGUMENTS
    ]
    captioner = Node(
        package="ros2_captioner",
        executable="captioner_node",
        name="captioner",
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            LaunchConfiguration("params_file"),
            {
                "image_topics": ParameterValue(
                    LaunchConfiguration("image_topics"), value_type=list[str]
                ),
                "model": ParameterValue(LaunchConfiguration("model"), value_type=str),
                "backend": ParameterValue(LaunchConfiguration("backend"), value_type=str),
            },
        ],
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        output="screen",
        emulate_tty=True,
    )
    return LaunchDescription([*arguments, captioner])
