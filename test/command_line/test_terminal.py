"""Which terminals get escape sequences, and which colours."""

import io
import os

import pytest

from ros2_captioner.command_line.terminal import (
    moves_its_cursor,
    shows_colours,
    terminal_size,
)


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("name", ["xterm-256color", "linux", "dumb", "", None])
def test_only_a_terminal_that_obeys_escape_sequences_gets_them(name, monkeypatch):
    if name is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", name)
    assert moves_its_cursor(Screen()) is (name in ("xterm-256color", "linux"))
    assert not moves_its_cursor(io.StringIO())


@pytest.mark.parametrize("value", ["1", "0", "", None])
def test_colours_go_where_somebody_asks_for_none(value, monkeypatch):
    """Whatever the value: only an empty one asks for nothing."""
    if value is None:
        monkeypatch.delenv("NO_COLOR", raising=False)
    else:
        monkeypatch.setenv("NO_COLOR", value)
    assert shows_colours() is (value in ("", None))


@pytest.mark.parametrize("known", [(0, 0), (0, 50), (132, 0), (132, 50)])
def test_a_terminal_without_a_size_has_the_usual_one(known, monkeypatch):
    """Up to Python 3.10 shutil says 0, as which nothing could be shown."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size(known))
    assert terminal_size() == (known[0] or 80, known[1] or 24)
