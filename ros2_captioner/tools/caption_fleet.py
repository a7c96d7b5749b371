"""``caption_fleet``: caption recordings and pictures by the thousand, on Ray; needs no ROS."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from ros2_captioner.bundle import load_bundle
from ros2_captioner.captioner import Captioner
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import at_least_one, command_parser, user_path
from ros2_captioner.command_line.text import in_line
from ros2_captioner.tools.model_arguments import add_model_arguments, runtime_of
from ros2_captioner.tools.sampling_arguments import add_sampling_arguments, sampling_of


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point.

    Returns:
        0, 1 if some pictures or messages were passed over, 2 if nothing could be done.
    """
    parsed = argument_parser().parse_args(arguments)
    sampling = sampling_of(parsed)
    # Late, as it needs Ray.
    from ros2_captioner.recordings.fleet.pipeline import Fleet, caption_fleet

    runtime = runtime_of(parsed)
    fleet = Fleet(
        parsed.sources,
        parsed.output,
        sampling,
        parsed.topics,
        parsed.workers,
        parsed.address,
        **runtime,
    )
    load = partial(Captioner.load, parsed.model, **runtime)
    outcome = caption_fleet(fleet, load_bundle(parsed.model), load)
    for error in outcome.errors:
        print(in_line(f"passed over: {error}"), file=sys.stderr)
    print(in_line(f"{parsed.output}: {outcome.captions} captions"))
    return 1 if outcome.errors else 0


def argument_parser() -> argparse.ArgumentParser:
    """What the command understands."""
    parser = command_parser(
        "caption_fleet",
        "Caption many recordings and pictures with several workers, on this machine or on a Ray "
        "cluster, into Parquet files that caption_find and every data tool read. Repeat the "
        "command to resume an interrupted run.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        type=user_path,
        metavar="SOURCE",
        help="bags, images, and folders of either; on a cluster every machine finds them there",
    )
    parser.add_argument(
        "--output",
        type=user_path,
        required=True,
        metavar="FOLDER",
        help="folder for the Parquet files",
    )
    add_sampling_arguments(parser)
    parser.add_argument(
        "--workers",
        type=at_least_one,
        default=0,
        metavar="N",
        help="worker processes, each with a model and one core (default: three quarters of the "
        "cores; with --device cuda a GPU each, all of them)",
    )
    parser.add_argument(
        "--address",
        default="",
        metavar="HOST:PORT",
        help="address of a running Ray cluster (default: this machine alone)",
    )
    add_model_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
