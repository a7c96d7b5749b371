"""The options by which commands name a config."""

from __future__ import annotations

import argparse

from ros2_captioner.command_line.parsers import user_path


def add_config(parser: argparse.ArgumentParser, names: str) -> None:
    """Add ``--config`` and ``--set``, which `training.config.file.load_config` takes.

    Args:
        parser: of the command.
        names: what the command reads in the config, in the words of its help.
    """
    parser.add_argument(
        "--config",
        type=user_path,
        required=True,
        help=f"YAML, see training/configs/; names {names}",
    )
    parser.add_argument(
        "--set",
        action="append",
        metavar="SECTION.KEY=VALUE",
        help="override one value of the config; may be repeated",
    )
