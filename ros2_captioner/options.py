"""Options that are declared once: dataclass fields with description, range, choices and liveness.

What a declaration says feeds the check of values, the node's parameter descriptors and file, the
documentation and the command lines.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any, TypeVar

from ros2_captioner.errors import OptionsError

LIVE, AT_ACTIVATE, AT_CONFIGURE = "live", "activate", "configure"

Options = TypeVar("Options")


@dataclasses.dataclass(frozen=True)
class Declaration:
    """One option.

    Attributes:
        name: of the field, as typed in ``ros2 param set``.
        default: its type is the option's type; a tuple holds strings.
        description: one sentence, with the unit.
        low: smallest value of a number, None without a range.
        high: largest value of a number.
        choices: the allowed strings, empty where any is.
        read: when the node reads it: `LIVE`, at every frame; `AT_ACTIVATE`; or `AT_CONFIGURE`.
    """

    name: str
    default: bool | int | float | str | tuple[str, ...]
    description: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    read: str

    @property
    def kind(self) -> type:
        """``bool``, ``int``, ``float``, ``str`` or ``tuple``."""
        return type(self.default)

    @property
    def type_name(self) -> str:
        """The type as ROS names it."""
        return _TYPE_NAMES[self.kind]

    @property
    def typed_default(self) -> str:
        """The default as it is typed after ``-p NAME:=``, quotes of a string with it."""
        if self.kind is bool:
            return str(self.default).lower()
        return repr(list(self.default) if isinstance(self.default, tuple) else self.default)

    @property
    def expectation(self) -> str:
        """The values it takes, in words."""
        if self.choices:
            return f"expected one of {list(self.choices)}"
        if self.low is not None:
            return f"expected {self.type_name} from {self.low} to {self.high}"
        return f"expected {self.type_name}"

    def converted(self, value: Any) -> Any:
        """The value as the option's type: a list as a tuple, an integer as a float.

        In ROS an empty list carries no type, and may arrive as None.
        """
        if self.kind is float and type(value) is int:
            return float(value)
        if self.kind is tuple and (value is None or isinstance(value, list)):
            return tuple(value or ())
        return value

    def meant(self, value: Any) -> Any:
        """What somebody meant who typed it: ``source:=0`` is a name, ``topics:=/x`` a list."""
        if self.kind is str and type(value) in (int, float):
            return str(value)
        if self.kind is tuple and isinstance(value, str):
            return [value]
        return value

    def argument(self) -> dict[str, Any]:
        """How ``argparse`` reads a value of it, as the keywords ``type`` and ``metavar``."""
        if self.kind is tuple:
            return {"type": _words, "metavar": "WORD,WORD"}
        if self.kind is bool:
            return {"type": partial(flag, self.name), "metavar": "true|false"}
        return {"type": self.kind, "metavar": "N"}

    def check(self, value: Any) -> None:
        """Refuse a value of the wrong type, out of range or not among the choices.

        Raises:
            OptionsError: says what was found and what was expected.
        """
        right = type(value) is self.kind
        if right and isinstance(value, tuple):
            right = all(isinstance(item, str) for item in value)
        if right and self.low is not None and self.high is not None:
            right = self.low <= value <= self.high
        if right and self.choices:
            right = value in self.choices
        if not right:
            hint = self._hint(value)
            raise OptionsError(f"{self.name} is {value!r}; {self.expectation}{hint}")

    def _hint(self, value: Any) -> str:
        """What to type for a value that looks like what somebody meant and is not."""
        if self.kind is tuple and isinstance(value, list):
            return ", which is a tuple in Python"
        if self.kind is tuple and isinstance(value, str):
            return '; a list is typed "[one, two]"'
        found = value if isinstance(value, tuple) else (value,)
        if self.kind in (str, tuple) and any(isinstance(each, bool) for each in found):
            return "; quote words that YAML takes for true or false, such as 'on' and 'no'"
        return ""


_TYPE_NAMES = {bool: "bool", int: "integer", float: "double", str: "string", tuple: "string_array"}


def option(
    default: Any,
    description: str,
    low: float | None = None,
    high: float | None = None,
    *,
    choices: tuple[str, ...] = (),
    read: str = LIVE,
) -> Any:
    """A dataclass field that is declared; see `Declaration`."""
    declared = {"description": description, "low": low, "high": high, "choices": choices}
    return dataclasses.field(default=default, metadata={**declared, "read": read})


def declarations(options: Any) -> tuple[Declaration, ...]:
    """The declared options of a dataclass or an instance of one, in their order."""
    return tuple(
        Declaration(name=field.name, default=default, **field.metadata)
        for field in dataclasses.fields(options)
        if (default := field.default) is not dataclasses.MISSING
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The known name that somebody who typed ``name`` may have meant; empty if none is near."""
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.8)), "")


def misspelt(given: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """A hint for each unknown name that is close to a known one."""
    for name in given:
        if name not in known and (meant := did_you_mean(name, known)):
            yield f"there is no {name}; did you mean {meant}?"


def flag(name: str, text: str) -> bool:
    """What was typed for an option that is true or false.

    Raises:
        OptionsError: it is neither.
    """
    if text.lower() not in ("true", "false"):
        raise OptionsError(f"{name} is {text!r}; expected true or false")
    return text.lower() == "true"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def number(name: str, text: str) -> float:
    """What was typed for an option that is a number.

    Raises:
        OptionsError: it is no number, or not finite.
    """
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise OptionsError(f"{name} is {text!r}; expected a number")
    return found


def check_options(options: Any) -> None:
    """Check every field of an instance by its declaration.

    Raises:
        OptionsError: names the first option that is wrong.
    """
    for declaration in declarations(options):
        declaration.check(getattr(options, declaration.name))


def make_options(kind: type[Options], values: Mapping[str, Any]) -> Options:
    """An instance from values of JSON, YAML or ROS, where a tuple is a list and 1.0 may be 1.

    Raises:
        OptionsError: a name is unknown, or a value is wrong.
    """
    known = {declaration.name: declaration for declaration in declarations(kind)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise OptionsError(f"found the options {unknown}; expected some of {list(known)}")
    return kind(**{name: known[name].converted(value) for name, value in values.items()})
