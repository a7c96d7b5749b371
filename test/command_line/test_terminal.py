"""Which terminals get escape sequences, and which colours."""

import io

import pytest

from ros2_captioner.command_line.terminal import moves_its_cursor, shows_colours


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
