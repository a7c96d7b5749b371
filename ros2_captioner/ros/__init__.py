"""Everything that imports rclpy."""

import os
from importlib.metadata import PackageNotFoundError, version

_WHEELS = ("ros-kilted-rclpy", "ros-jazzy-rclpy")
_MIDDLEWARE_OF_WHEELS = "rmw_fastrtps_cpp"

# Read when OpenCV loads: broken frames are refused and logged once in a while by this package,
# OpenCV would print two lines for each.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


def from_wheels() -> bool:
    """Whether rclpy comes from pip, with one middleware."""
    return any(map(_installed, _WHEELS))


def _installed(distribution: str) -> bool:
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False


# A shell set up for another ROS installation often asks for a middleware that the wheels lack;
# rclpy then kills the process as it is imported, so this must come before.
_wanted = os.environ.get("RMW_IMPLEMENTATION") or _MIDDLEWARE_OF_WHEELS
if _wanted != _MIDDLEWARE_OF_WHEELS and from_wheels():
    raise SystemExit(
        f"error: RMW_IMPLEMENTATION is {_wanted}, but ROS from wheels has "
        f"{_MIDDLEWARE_OF_WHEELS} alone; type: unset RMW_IMPLEMENTATION"
    )
