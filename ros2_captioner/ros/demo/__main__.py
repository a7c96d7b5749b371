"""The demo: the real node and a camera that plays photographs, then an image of it all."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String

from ros2_captioner.captions import Caption
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import command_parser, user_path
from ros2_captioner.command_line.text import in_line
from ros2_captioner.drawing.figure import attention_figure, stacked
from ros2_captioner.errors import FrameError
from ros2_captioner.images.conversion import compressed_to_rgb
from ros2_captioner.images.files import check_image_suffix, images_in, write_image
from ros2_captioner.output_files import check_output
from ros2_captioner.ros.demo import PHOTOGRAPHS
from ros2_captioner.ros.process.children import (
    Child,
    start_node,
    stay_on_this_machine,
    stop_nodes,
)

_TOPIC = "/demo_camera/image_raw"  # not a usual one: a real camera would be captioned instead
_FRAME_ID = f"captioner_demo_{os.getpid()}"  # another demo may be on the topic too
_RATE_HZ = 1.0
_START_TIMEOUT_S = 60.0

Stamp = tuple[int, int]
Pair = tuple[NDArray[np.uint8], Caption]


class Audience(Node):
    """Listens to the camera and to the captions, and pairs them by the stamp.

    Attributes:
        shown: the JPEGs that the camera has played; an image played twice counts once.
        captioned: by JPEG, the image and its caption.
    """

    def __init__(self) -> None:
        super().__init__("captioner_demo")
        self._frames: dict[Stamp, CompressedImage] = {}
        self.shown: set[bytes] = set()
        self.captioned: dict[bytes, Pair] = {}
        self.create_subscription(CompressedImage, f"{_TOPIC}/compressed", self._on_frame, 10)
        self.create_subscription(String, "/scene_caption", self._on_sentence, 10)
        self.create_subscription(String, "/scene_caption/detail", self._on_detail, 10)

    def has_all(self, count: int) -> bool:
        """Whether so many frames have come, and each image among them has its caption."""
        return len(self._frames) >= count and self.shown <= self.captioned.keys()

    def _on_frame(self, message: CompressedImage) -> None:
        if message.header.frame_id != _FRAME_ID:
            return
        stamp = message.header.stamp
        self._frames[stamp.sec, stamp.nanosec] = message
        self.shown.add(bytes(message.data))

    def _on_sentence(self, message: String) -> None:
        print(in_line(f"/scene_caption: {message.data}"), flush=True)

    def _on_detail(self, message: String) -> None:
        detail = json.loads(message.data)
        stamp = (detail["stamp"]["sec"], detail["stamp"]["nanosec"])
        message = self._frames.get(stamp)
        # Another captioner that hears the camera may not tell the attention.
        if message is not None and all("attention" in word for word in detail["words"]):
            pair = compressed_to_rgb(message), _caption(detail)
            self.captioned.setdefault(bytes(message.data), pair)


def _caption(detail: dict[str, Any]) -> Caption:
    words = detail["words"]
    return Caption(
        detail["caption"],
        detail["score"],
        tuple(entry["word"] for entry in words),
        tuple(entry["log_prob"] for entry in words),
        np.asarray([entry["attention"] for entry in words], np.float32),
        objects=tuple((entry["word"], entry["probability"]) for entry in detail["objects"]),
        confidence=detail["confidence"],
    )


@command(failed=1)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns 0 if every photograph that can be read got its caption."""
    parser = command_parser(
        "python -m ros2_captioner.ros.demo",
        "Start the captioner node and a camera that plays photographs, print what arrives on "
        "/scene_caption, and draw photographs, captions and attention.",
    )
    parser.add_argument(
        "--photographs",
        type=user_path,
        default=PHOTOGRAPHS,
        help="folder of images (default: its own)",
    )
    parser.add_argument(
        "--output",
        type=user_path,
        default=Path("build/demo/captions.png"),
        help="image to write (%(default)s)",
    )
    parsed = parser.parse_args(arguments)
    return _run(parsed.photographs, parsed.output)


def _run(folder: Path, output: Path) -> int:
    stay_on_this_machine()
    if not folder.is_dir():
        raise FrameError("no_source", f"found no folder {folder}; expected one with images")
    images = images_in(folder)
    output.parent.mkdir(parents=True, exist_ok=True)
    check_output("--output", output, images)
    check_image_suffix(output)
    captioned, shown = _watch(folder, len(images))
    if captioned:
        write_image(output, stacked([attention_figure(*pair) for pair in captioned]))
        print(f"wrote {output}")
    print(f"{len(captioned)} captions for {shown} photographs")
    return 0 if captioned and len(captioned) == shown else 1


def _watch(folder: Path, count: int) -> tuple[list[Pair], int]:
    """Play the folder of so many images until each of them has its caption.

    Returns:
        Images with captions, and how many images there were: some may be the same, or unreadable.
    """
    node_parameters = {"image_topics": [f"{_TOPIC}/compressed"], "publish_attention": True,
                       "max_frame_age_s": 0.0}  # fmt: skip
    player_parameters = {"source": str(folder), "format": "jpeg", "topic": _TOPIC,
                         "rate_hz": _RATE_HZ, "frame_id": _FRAME_ID}  # fmt: skip
    processes: list[Child] = []
    # Not rclpy's own handlers: they shut ROS down beneath the call in progress.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the nodes, as Ctrl-C does
    audience = Audience()
    try:
        start_node("captioner_node", node_parameters, processes)
        _spin(audience, lambda: audience.count_publishers("/scene_caption") > 0, processes)
        start_node("captioner_image_player", player_parameters, processes)
        _spin(audience, lambda: audience.has_all(count), processes, count)
        return list(audience.captioned.values()), len(audience.shown)
    finally:
        stop_nodes(processes)
        audience.destroy_node()
        rclpy.try_shutdown()


def _spin(
    audience: Audience,
    condition: Callable[[], bool],
    processes: list[Child],
    extra_s: float = 0,
) -> None:
    """Spin until the condition holds, a process ends, or the time is up."""
    deadline = time.monotonic() + _START_TIMEOUT_S + extra_s
    while not condition() and time.monotonic() < deadline:
        if any(process.poll() is not None for process in processes):
            return
        rclpy.spin_once(audience, timeout_sec=0.1)


if __name__ == "__main__":
    sys.exit(main())
