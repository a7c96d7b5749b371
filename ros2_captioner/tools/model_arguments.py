"""The arguments of commands that run the model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ros2_captioner.bundle import bundle_folder
from ros2_captioner.captioner import Captioner
from ros2_captioner.command_line.text import in_line
from ros2_captioner.options import declarations
from ros2_captioner.settings import NodeSettings

_DECLARED = {each.name: each for each in declarations(NodeSettings)}


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which model runs, and how."""
    parser.add_argument("--model", default="", help="bundle directory (default: shipped model)")
    for name in ("backend", "precision", "device"):
        declared = _DECLARED[name]
        text = f"{declared.description} (default: {declared.default})"
        parser.add_argument(
            f"--{name}", default=declared.default, choices=declared.choices, help=text
        )


def model_files(model: str) -> list[Path]:
    """What lies in the folder of the model that was named, which no output may replace."""
    return [*bundle_folder(model).glob("*")]


def runtime_of(parsed: argparse.Namespace) -> dict[str, str]:
    """Backend, precision and device as they were asked for."""
    return {name: getattr(parsed, name) for name in ("backend", "precision", "device")}


def load_captioner(parsed: argparse.Namespace) -> Captioner:
    """Load the model that the arguments name, and say so where its runtime is not the best one.

    Errors are those of `Captioner.load`.
    """
    captioner = Captioner.load(parsed.model, **runtime_of(parsed))
    if captioner.trouble:
        print(in_line(f"note: {captioner.trouble}"), file=sys.stderr)
    return captioner
