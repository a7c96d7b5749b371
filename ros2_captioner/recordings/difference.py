"""What tells one run from another, for the message that refuses it."""

from __future__ import annotations

from typing import Any


def differing(one: Any, other: Any) -> tuple[Any, Any]:
    """The entries of two JSON objects that are not equal, of objects within them likewise.

    What is no object comes back whole, and what one of them lacks as None.
    """
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return one, other
    pairs = {
        name: differing(one.get(name), other.get(name))
        for name in {**one, **other}
        if one.get(name) != other.get(name)
    }
    return {name: pair[0] for name, pair in pairs.items()}, {
        name: pair[1] for name, pair in pairs.items()
    }
