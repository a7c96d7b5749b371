"""Where Fast DDS looks for its profiles; without one it loses raw images above 512 KB."""

from __future__ import annotations

import os

# Distributions whose Fast DDS knows the variable by its older name.
_OLDER = ("humble", "iron", "jazzy")


def profiles_variable() -> str:
    """The environment variable that names the file of profiles, in the distribution in use."""
    older = os.environ.get("ROS_DISTRO", "") in _OLDER
    return f"{'FASTRTPS' if older else 'FASTDDS'}_DEFAULT_PROFILES_FILE"
