"""What the commands without ROS start; each is imported late, when Ctrl-C is already handled."""

from __future__ import annotations

from ros2_captioner.command_line.ending import clean_up_on_signals, run_command


def caption() -> int:
    """``caption``."""
    return run_command("ros2_captioner.tools.caption")


def caption_bag() -> int:
    """``caption_bag``."""
    clean_up_on_signals()
    return run_command("ros2_captioner.tools.caption_bag")


def caption_find() -> int:
    """``caption_find``."""
    clean_up_on_signals()
    return run_command("ros2_captioner.tools.caption_find")


def caption_fleet() -> int:
    """``caption_fleet``."""
    return run_command("ros2_captioner.tools.caption_fleet")


def captioner_bundle() -> int:
    """``captioner_bundle``."""
    return run_command("ros2_captioner.tools.bundle")


def captioner_doctor() -> int:
    """``captioner_doctor``."""
    return run_command("ros2_captioner.tools.doctor")


def captioner_build_engine() -> int:
    """``captioner_build_engine``."""
    return run_command("ros2_captioner.tools.build_engine")


def captioner_benchmark() -> int:
    """``captioner_benchmark``."""
    clean_up_on_signals()
    return run_command("ros2_captioner.benchmark.command")
