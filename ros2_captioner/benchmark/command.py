"""``captioner_benchmark``: how long a caption takes here, alone and through the whole node."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from ros2_captioner.backends.choice import BACKENDS, DEVICES
from ros2_captioner.benchmark.model import measure_model
from ros2_captioner.benchmark.timing import STEPS, synthetic_frames
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import at_least_one, command_parser, user_path
from ros2_captioner.errors import OptionsError
from ros2_captioner.output_files import check_output, replace_file
from ros2_captioner.tools.model_arguments import model_files


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parsed = _parser().parse_args(arguments)
    _check(parsed)
    if parsed.json is not None:
        check_output("--json", parsed.json, model_files(parsed.model))
    rows = measure_model(
        parsed.model,
        parsed.backends,
        parsed.precisions or (),
        parsed.device,
        parsed.beam_widths,
        parsed.cameras,
        parsed.rounds,
    )
    tables = {"captions": rows}
    try:
        print(_table(rows))
        if parsed.node_rates:
            tables["node"] = []
            for row in _measure_nodes(parsed):
                tables["node"].append(row)
            print(f"\n{_table(tables['node'])}")
    finally:  # where the node fails, what was measured stays
        if parsed.json is not None:
            replace_file(parsed.json, f"{json.dumps(tables, indent=2)}\n".encode())
    return 0


def _check(parsed: argparse.Namespace) -> None:
    for name in ("node_rates", "node_seconds"):
        given = getattr(parsed, name)
        values = given if isinstance(given, list) else [given]
        if not all(0 < value < math.inf for value in values):
            option = f"--{name.replace('_', '-')}"
            raise OptionsError(f"{option} is {given}; expected more than zero")
    if parsed.node_rates:
        try:
            importlib.import_module("ros2_captioner.benchmark.node")
        except ImportError as error:  # not after minutes of measuring
            raise OptionsError(
                f"--node-rates needs ROS 2 ({error}); source an installation, or type: pip install "
                "'ros2_captioner[ros]'"
            ) from error


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "captioner_benchmark",
        f"Time whole captions of {STEPS} words of 640x480 frames, interleaved: every "
        "round times each setting once, so that a busy machine slows them all alike. Times are "
        "milliseconds a call, for all its cameras together, with the first and third quartile. "
        "CIDEr is what the bundle was measured with, the mean over its data sets.",
    )
    parser.add_argument("--model", default="", help="bundle (default: the shipped one)")
    parser.add_argument(
        "--backends",
        nargs="+",
        choices=BACKENDS,
        default=["auto"],
        metavar="BACKEND",
        help=f"of {', '.join(BACKENDS)} (default: auto)",
    )
    parser.add_argument(
        "--device", choices=DEVICES, default="auto", help="where the model runs (default: auto)"
    )
    parser.add_argument(
        "--precisions",
        nargs="+",
        metavar="PRECISION",
        help="default: all that the bundle carries, "
        "and of the node the one that its runtime prefers",
    )
    parser.add_argument(
        "--beam-widths",
        nargs="+",
        type=at_least_one,
        default=[1, 3, 5],
        metavar="K",
        help="default: 1 3 5",
    )
    parser.add_argument(
        "--cameras",
        nargs="+",
        type=at_least_one,
        default=[1, 4],
        metavar="N",
        help="frames that are captioned in one call (default: 1 4)",
    )
    parser.add_argument(
        "--rounds", type=at_least_one, default=15, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--node-rates",
        nargs="+",
        type=float,
        default=[],
        metavar="HZ",
        help="also run the whole node, with a camera of each of these rates (needs ROS 2)",
    )
    parser.add_argument(
        "--node-seconds", type=float, default=20.0, metavar="S", help="default: %(default)s"
    )
    parser.add_argument("--json", type=user_path, help="also write the rows as JSON")
    return parser


def _measure_nodes(parsed: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Run the node with each backend, precision asked for, beam width and rate; a row each."""
    from ros2_captioner.benchmark.node import measure_node  # late: it needs ROS

    # Without one the node takes what its runtime prefers.
    variants = [{"precision": each} for each in parsed.precisions or ()] or [{}]
    for backend, variant, width, rate_hz in product(
        parsed.backends, variants, parsed.beam_widths, parsed.node_rates
    ):
        chosen = {"model": parsed.model, "backend": backend, **variant, "device": parsed.device,
                  "beam_width": width, "min_length": STEPS, "max_length": STEPS}  # fmt: skip
        found = measure_node(chosen, synthetic_frames(1)[0], rate_hz, parsed.node_seconds)
        yield {"backend": backend, **variant, "beam_width": width, **found}


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Columns named as the keys of the rows."""
    lines = [list(rows[0]), *([_shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
        for line in lines
    )


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    sys.exit(main())
