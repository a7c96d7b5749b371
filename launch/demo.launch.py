"""Start a camera that plays pictures, a video or a webcam, and the captioner on it.

ros2 launch ros2_captioner demo.launch.py source:=/path/to/pictures
"""

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

_TOPIC = "/camera/image_raw"


def generate_launch_description() -> LaunchDescription:
    """image_player, JPEG by default so that no frame is lost to its size, and the captioner."""
    player = Node(
        package="ros2_captioner",
        executable="image_player",
        parameters=[
            {
                "source": ParameterValue(LaunchConfiguration("source"), value_type=str),
                "rate_hz": ParameterValue(LaunchConfiguration("rate_hz"), value_type=float),
                "format": "jpeg",
                "topic": _TOPIC,
            }
        ],
        output="screen",
        emulate_tty=True,
    )
    captioner = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution(
                [FindPackageShare("ros2_captioner"), "launch", "captioner.launch.py"]
            )
        ),
        launch_arguments={
            "image_topics": f"['{_TOPIC}/compressed']",
            "model": LaunchConfiguration("model"),
        }.items(),
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "source", description="Folder of pictures, video file, or webcam (0, /dev/video0)"
            ),
            DeclareLaunchArgument("rate_hz", default_value="1.0", description="Frames a second"),
            DeclareLaunchArgument(
                "model", default_value="", description="Model bundle; empty for the shipped model"
            ),
            player,
            captioner,
        ]
    )
