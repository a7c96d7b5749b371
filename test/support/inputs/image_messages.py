"""sensor_msgs/Image and CompressedImage, or dataclasses in their place where ROS is missing."""

from dataclasses import dataclass

try:
    from sensor_msgs.msg import CompressedImage, Image
except ImportError:

    @dataclass
    class Image:
        height: int = 0
        width: int = 0
        encoding: str = ""
        is_bigendian: int = 0
        step: int = 0
        data: bytes = b""

    @dataclass
    class CompressedImage:
        format: str = ""
        data: bytes = b""


__all__ = ["CompressedImage", "Image"]
