"""``captioner_watch``: a terminal view of all captioners and their cameras; works over ssh."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import String

from ros2_captioner.command_line.terminal import (
    moves_its_cursor,
    shows_colours,
    terminal_size,
)
from ros2_captioner.errors import CaptionerError
from ros2_captioner.ros.process.overrides import warn_of_unknown_names
from ros2_captioner.ros.process.qos_overrides import qos_overrides, warn_of_unused_overrides
from ros2_captioner.ros.watch.board import Board
from ros2_captioner.standard_streams import abandon_output

_PERIOD_S = 0.5
_DEPTH = 10
_PATIENCE_S = 10.0  # for discovery, also on a busy machine
_DETAIL, _STRING = "/scene_caption/detail", "std_msgs/msg/String"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Watch(Node):
    """Redraws the terminal twice a second; elsewhere it prints a line for each caption.

    Raises:
        OptionsError: ``qos_overrides`` of a topic make no sense.
    """

    def __init__(self) -> None:
        super().__init__("captioner_watch")
        warn_of_unknown_names(self, ())
        self._board = Board()
        self._terminal = moves_its_cursor(sys.stdout)
        self._drawn = False
        self._topics: set[str] = set()
        self._patient_until_s = time.monotonic() + _PATIENCE_S
        self._listen(DiagnosticArray, "/diagnostics", self._keep_statuses)
        self._find_captions()
        warn_of_unused_overrides(self, awaited=f"{_DETAIL}.subscription.")
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # goes on where simulated time stands
        self.create_timer(_PERIOD_S, self._turn, clock=steady)

    def _find_captions(self) -> None:
        """Listen to the captions of every captioner, whatever its name and namespace."""
        for topic, kinds in self.get_topic_names_and_types():
            if topic.endswith(_DETAIL) and _STRING in kinds and topic not in self._topics:
                self._topics.add(topic)
                self._listen(String, topic, self._keep_detail)

    def _listen(self, kind: type, topic: str, keep: Callable[[Any], None]) -> None:
        with qos_overrides(self, self.resolve_topic_name(topic), "subscription") as options:
            self.create_subscription(kind, topic, keep, _DEPTH, qos_overriding_options=options)

    def _keep_statuses(self, message: DiagnosticArray) -> None:
        self._board.keep_statuses(message.status, time.monotonic())

    def _keep_detail(self, message: String) -> None:
        line = self._board.keep_detail(message.data, time.monotonic())
        if line and not self._terminal:
            self._print(f"{line}\n")

    def _turn(self) -> None:
        self._find_captions()
        if not self._terminal:
            self._say_what_it_waits_for()
            return
        width, height = terminal_size()
        view = self._board.view(width, height, time.monotonic(), colour=shows_colours())
        # The rest of a line before its text: after a full one it would be the last character.
        lines = "".join(f"{_REST_OF_LINE}{line}\n" for line in view.splitlines())
        # What is there already, warnings of this node too, scrolls out of sight and is kept.
        kept = "" if self._drawn else "\n" * height
        self._drawn = True
        self._print(f"{kept}{_HOME}{lines}{_REST_OF_SCREEN}")

    def _say_what_it_waits_for(self) -> None:
        """Say it once, on stderr, where no captioner is found; a terminal shows it anyway."""
        if self._patient_until_s < time.monotonic() and not self._topics:
            self._patient_until_s = math.inf
            self.get_logger().info(f"waiting for captions on topics that end in {_DETAIL}")

    def _print(self, text: str) -> None:
        try:
            print(text, end="", flush=True)
        except BrokenPipeError:
            abandon_output()
            rclpy.try_shutdown()
        except OSError as error:  # such as a full disk
            abandon_output()
            raise CaptionerError(f"cannot write to the output: {error.strerror}") from error
