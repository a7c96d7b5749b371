"""The arguments of commands that caption recordings: which frames."""

from __future__ import annotations

import argparse

from ros2_captioner.recordings.sampling import Sampling


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which topics and how many of their frames."""
    parser.add_argument(
        "--topics",
        nargs="+",
        action="extend",
        default=[],
        metavar="TOPIC",
        help="image topics of bags (default: all)",
    )
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument(
        "--every",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="seconds between captioned frames of a camera (default: 1)",
    )
    rate.add_argument("--all", action="store_true", help="caption every frame")
    parser.add_argument(
        "--changed",
        type=float,
        default=0.0,
        metavar="THRESHOLD",
        help="caption only what looks new: change of brightness, 0-1 (default: 0, everything)",
    )


def sampling_of(parsed: argparse.Namespace) -> Sampling:
    """What the arguments say; errors as of `Sampling`."""
    return Sampling(0.0 if parsed.all else parsed.every, parsed.changed)
