"""Progress on a terminal, and its silence elsewhere."""

import io
import sys

import pytest

from ros2_captioner.command_line.progress import Progress


class Screen(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self._terminal = terminal

    def isatty(self):
        return self._terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_overwritten_in_place_and_silent_without_a_terminal(monkeypatch, terminal):
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "10")
    progress = Progress()
    for step in range(1000):
        progress.show(f"{step} of many steps")
    progress.clear()
    shown = screen.getvalue()
    assert "\n" not in shown and bool(shown) is terminal
    texts = shown.split("\r")
    assert all(len(text) < 10 for text in texts)
    if terminal:
        assert texts[1:] == ["0 of many", *texts[2:-2], " " * 9, ""]


def test_a_shorter_text_covers_a_longer_one_without_escape_sequences(monkeypatch):
    """Which a dumb terminal, as that of an editor, would show as they are."""
    screen = Screen(terminal=True)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "10")
    progress = Progress()
    for text in ("12345678901", "123", ""):
        progress.show(text)
    assert screen.getvalue() == "\r123456789\r123      \r         "


@pytest.mark.parametrize(
    ("text", "line"), [("視頻.avi", "視頻.avi "), ("8 s of 視頻", "8 s of 視")]
)
def test_a_wide_character_takes_two_cells(text, line, monkeypatch):
    """A line that is wider than the terminal would scroll it at every turn."""
    screen = Screen(terminal=True)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "10")
    Progress().show(text)
    assert screen.getvalue() == f"\r{line}"
