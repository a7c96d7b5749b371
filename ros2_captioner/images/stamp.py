"""The stamp of a message."""

from __future__ import annotations

from typing import Any


def stamp_ns(header: Any) -> int:
    """Nanoseconds of the stamp in a std_msgs/Header, of ROS or of rosbags."""
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)
