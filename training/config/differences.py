"""In what two configs differ, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import chain
from typing import Any

from training.config.settings import ModelConfig, SourceConfig


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """The values in which two configs, or sections of them, differ."""
    found = []
    for item in dataclasses.fields(one):
        pair, place = (getattr(one, item.name), getattr(other, item.name)), f"{where}{item.name}"
        if dataclasses.is_dataclass(pair[0]):
            found += differences(*pair, f"{place}.")
        elif isinstance(pair[0], tuple) and any(map(dataclasses.is_dataclass, chain(*pair))):
            found += _source_differences(*pair, place)
        elif pair[0] != pair[1]:
            found.append(f"{place}: {pair[0]!r} there, {pair[1]!r} here")
    return found


def _source_differences(
    one: Sequence[SourceConfig], other: Sequence[SourceConfig], where: str
) -> list[str]:
    """Which sources there are; of the same ones, in which values they differ."""
    its, own = ([source.name for source in sources] for sources in (one, other))
    if its != own:
        return [f"{where}: {its} there, {own} here"]
    return [
        fault
        for first, second in zip(one, other, strict=True)
        for fault in differences(first, second, f"{where}.{first.name}.")
    ]


def architecture_differences(one: ModelConfig, other: ModelConfig) -> list[str]:
    """The values for which weights of one model are not the other's, see `differences`."""
    return [
        fault
        for fault in differences(one, other, "model.")
        if not fault.split(":")[0].endswith(("dropout", "encoder_weights"))
    ]
