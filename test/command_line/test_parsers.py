"""Every executable: help, version, and the arguments that it refuses."""

import argparse
import re

import pytest
from command_scripts import SCRIPTS, run

import ros2_captioner
from ros2_captioner.command_line.parsers import at_least_one, user_path
from ros2_captioner.tools import caption_fleet


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_help_and_version(script):
    shown = run(script, "--help")
    assert shown.returncode == 0 and shown.stdout.startswith(f"usage: {script.name} ")
    version = run(script, "--version")
    assert version.returncode == 0
    assert version.stdout == f"{script.name} (ros2_captioner {ros2_captioner.__version__})\n"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_help_keeps_to_the_terminal_and_leaves_no_argument_unexplained(script, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    commands = [[name] for name in ("inspect", "list", "sign", "verify")]
    for command in commands if script.name == "captioner_bundle" else [[]]:
        shown = run(script, *command, "--help").stdout
        assert max(map(len, shown.splitlines())) <= 80, shown
        own = shown.partition("\nparameters:")[0]
        arguments = re.findall(r"^  \S.*\n(?:    .*\n)*", own, re.MULTILINE)
        assert arguments and all(re.search(r"\S(  |\n) *\S", each) for each in arguments), shown


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_an_unknown_argument_is_refused_with_the_usage(script):
    refused = run(script, "--nonsense")
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert refused.stderr.startswith(f"usage: {script.name} ")


@pytest.mark.parametrize("text", ["0", "-3", "x", "1.5", "", "\x1b"])
def test_a_number_that_is_not_one_or_more_is_told(text):
    shown = "\\\\x1b" if text == "\x1b" else text
    with pytest.raises(argparse.ArgumentTypeError, match=f"^found {shown}; expected 1 or more$"):
        at_least_one(text)
    assert at_least_one("12") == 12


@pytest.mark.parametrize(
    "arguments",
    [
        ["caption_find", "dog", "captions.jsonl", "--limit", "0"],
        ["caption_fleet", "recordings", "--output", "out", "--workers", "-1"],
        ["captioner_benchmark", "--rounds", "0"],
        ["captioner_benchmark", "--cameras", "1", "0"],
        ["captioner_benchmark", "--beam-widths", "0"],
    ],
    ids=" ".join,
)
def test_numbers_of_commands_are_one_or_more(arguments):
    refused = run(SCRIPTS[0].parent / arguments[0], *arguments[1:])
    assert refused.returncode == 2
    assert f"found {arguments[-1]}; expected 1 or more\n" in refused.stderr


@pytest.mark.parametrize("command", ["caption_bag", "caption_fleet"])
def test_what_an_option_of_several_values_took_is_told(command):
    """The usage line, which has BAG last, asks for it."""
    argument = {"caption_bag": "BAG", "caption_fleet": "SOURCE"}[command]
    refused = run(SCRIPTS[0].parent / command, "--output", "out", "--topics", "/camera", "drive")
    assert refused.returncode == 2
    assert refused.stderr.endswith(
        f"required: {argument} (before --topics, which takes all that follows it)\n"
    )


def test_a_home_folder_that_the_shell_left_alone_is_the_users(monkeypatch):
    """A folder of the name ~ would be made here."""
    monkeypatch.setenv("HOME", "/home/me")
    assert str(user_path("~/out")) == "/home/me/out" and str(user_path("a~")) == "a~"
    fleet = caption_fleet.argument_parser().parse_args(["~/in", "--output=~/out"])
    assert (str(fleet.sources[0]), str(fleet.output)) == ("/home/me/in", "/home/me/out")


def test_an_empty_path_is_not_the_current_folder():
    """As of a variable that is not set."""
    with pytest.raises(argparse.ArgumentTypeError, match="^found an empty path; expected a file"):
        user_path("")
