"""Values as error messages show them."""

from __future__ import annotations

from typing import Any


def shown(value: Any, longest: int = 80) -> str:
    """A value on one line, cut where it is long."""
    text = " ".join(str(value).split())
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
