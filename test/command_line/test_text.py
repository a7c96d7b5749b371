"""Texts that come from outside."""

from ros2_captioner.command_line.text import in_line


def test_what_is_no_text_is_escaped_and_the_rest_stays():
    assert in_line("grün 漢\t\n\x1b[2J\x9b\u2028") == "grün 漢\\t\\n\\x1b[2J\\x9b\\u2028"
    assert in_line("gr\udcfcn") == "gr\\udcfcn"
    assert in_line("\u202egnp.exe\u2069 כלב") == "\\u202egnp.exe\\u2069 כלב"
