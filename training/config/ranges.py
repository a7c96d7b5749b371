"""What values a setting may have, declared beside its default."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

_KEY = "allowed"


@dataclass(frozen=True)
class Range:
    """Finite numbers between two bounds.

    Attributes:
        low: least value.
        high: greatest value.
        above: ``low`` itself is not allowed.
        below: ``high`` itself is not allowed.
        step: values are multiples of it; 0 if they need not be.
    """

    low: float
    high: float = math.inf
    above: bool = False
    below: bool = False
    step: int = 0

    def __contains__(self, value: float) -> bool:
        return (
            -math.inf < value < math.inf
            and (self.low < value if self.above else self.low <= value)
            and (value < self.high if self.below else value <= self.high)
            and not (self.step and value % self.step)
        )

    def __str__(self) -> str:
        low = f"{'more than' if self.above else 'at least'} {self.low:g}"
        high = f"{'less than' if self.below else 'at most'} {self.high:.10g}"
        bounds = low if self.high == math.inf else f"{low} and {high}"
        return f"a multiple of {self.step}, {bounds}" if self.step else bounds


@dataclass(frozen=True)
class Choice:
    """One of a few names."""

    names: tuple[str, ...]

    def __contains__(self, value: str) -> bool:
        return value in self.names

    def __str__(self) -> str:
        return f"one of {', '.join(self.names)}"


Allowed = Range | Choice
SHARE = Range(0, 1)
WEIGHT = Range(0, 1000)  # of a term of the loss or the reward; more would leave float32's range


def setting(default: Any, allowed: Allowed) -> Any:
    """A dataclass field with a default, and what else it may be."""
    return dataclasses.field(default=default, metadata={_KEY: allowed})


def allowed(field: dataclasses.Field[Any]) -> Allowed | None:
    """What a field may be; None if nothing was declared."""
    found: Allowed | None = field.metadata.get(_KEY)
    return found


def faults(settings: Any) -> list[str]:
    """Every value of a dataclass that is not allowed, in words."""
    return [
        f"{field.name}: found {getattr(settings, field.name)!r}; expected {limits}"
        for field in dataclasses.fields(settings)
        if (limits := allowed(field)) is not None and getattr(settings, field.name) not in limits
    ]
