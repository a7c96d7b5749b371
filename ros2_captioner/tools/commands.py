"""What the commands without ROS start; each is imported late, when Ctrl-C is already handled."""

from __future__ import annotations

from collections.abc import Callable

from ros2_captioner.command_line.ending import clean_up_on_signals, run_command


def _command(module: str, *, cleans_up: bool = False) -> Callable[[], int]:
    def run() -> int:
        if cleans_up:
            clean_up_on_signals()
        return run_command(f"ros2_captioner.{module}")

    return run


caption = _command("tools.caption")
caption_bag = _command("tools.caption_bag", cleans_up=True)
caption_find = _command("tools.caption_find", cleans_up=True)
caption_fleet = _command("tools.caption_fleet")
captioner_benchmark = _command("benchmark.command", cleans_up=True)
captioner_build_engine = _command("tools.build_engine")
captioner_bundle = _command("tools.bundle")
captioner_doctor = _command("tools.doctor")
