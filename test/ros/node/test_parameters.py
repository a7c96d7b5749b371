"""The parameter table and what follows from it."""

import re
from pathlib import Path

import pytest
from rclpy.parameter import Parameter

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.errors import OptionsError
from ros2_captioner.ros.node.parameters import (
    PARAMETERS,
    changed_settings,
    make_settings,
    type_name,
)

ROOT = Path(__file__).parents[3]
DEFAULTS = {declaration.name: declaration.default for declaration in PARAMETERS}


def change(settings, *, configured=True, active=True, **values):
    parameters = [Parameter(name, value=value) for name, value in values.items()]
    return changed_settings(settings, parameters, configured=configured, active=active)


def test_defaults_are_consistent_and_reach_the_search():
    settings = make_settings(DEFAULTS)
    assert settings.decoding == DecodingOptions()
    assert settings["max_frame_age_s"] == 2.0


def test_several_parameters_change_together_or_not_at_all():
    settings = make_settings(DEFAULTS)
    changed, result = change(settings, beam_width=5, num_alternatives=4)
    assert result.successful and changed.decoding.num_alternatives == 4
    refused, result = change(settings, beam_width=2, num_alternatives=4)
    assert not result.successful and refused is settings
    assert "num_alternatives < beam_width" in result.reason


@pytest.mark.parametrize(
    "values",
    [
        {"beam_width": 17},
        {"beam_width": 0},
        {"beam_width": 2.0},
        {"beam_width": "3"},
        {"length_penalty": 1},
        {"max_rate_hz": -1.0},
        {"min_length": 30},
        {"publish_attention": 1},
        {"banned_words": "word"},
        {"image_topics": []},
        {"image_topics": ["/camera//image"]},
        {"image_topics": ["a camera"]},
    ],
)
def test_bad_values_are_refused_with_what_was_found_and_expected(values):
    settings = make_settings(DEFAULTS)
    kept, result = change(settings, active=False, **values)
    assert kept is settings and not result.successful
    assert "expected" in result.reason and next(iter(values)) in result.reason


def test_fixed_parameters_are_refused_once_configured():
    settings = make_settings(DEFAULTS)
    assert not change(settings, model="elsewhere")[1].successful
    free = change(settings, configured=False, active=False, model="elsewhere")[0]
    assert free["model"] == "elsewhere"


def test_cameras_are_changed_between_deactivate_and_activate():
    settings = make_settings(DEFAULTS)
    refused = change(settings, image_topics=["/front"])[1]
    assert not refused.successful and "deactivate" in refused.reason
    changed, result = change(settings, active=False, image_topics=["/front"])
    assert result.successful and changed["image_topics"] == ("/front",)


def test_unknown_choice_lists_the_known():
    with pytest.raises(OptionsError, match="onnxruntime"):
        make_settings({**DEFAULTS, "backend": "abacus"})


def test_config_file_holds_every_parameter_with_its_default():
    lines = (ROOT / "config/captioner.yaml").read_text().splitlines()
    text = "\n".join(line.strip() for line in lines)
    for declaration in PARAMETERS:
        assert f"# {declaration.description}\n" in text
        assert f"\n{yaml_line(declaration)}" in text
    assert text.count(": ") == len(PARAMETERS)


def test_readme_table_holds_every_parameter():
    readme = (ROOT / "README.md").read_text()
    for declaration in PARAMETERS:
        row = f"| `{declaration.name}` | {type_name(declaration)} | {declaration.read} | "
        (line,) = (line for line in readme.splitlines() if line.startswith(row))
        assert declaration.description in line
        assert all(choice in line for choice in declaration.choices)


@pytest.mark.parametrize("declaration", PARAMETERS, ids=lambda declaration: declaration.name)
def test_every_parameter_is_explained_with_an_example(declaration):
    guide = (ROOT / "docs/parameters.md").read_text()
    section = guide.split(f"### {declaration.name}\n")[1].split("\n#")[0]
    assert re.search(rf"    ros2 .*\b{declaration.name}(:=| )", section)


def yaml_line(declaration):
    default = declaration.default
    if default == ():  # an empty list has no type in a parameter file
        return f'# {declaration.name}: ["word"]'
    if isinstance(default, tuple):
        return f"{declaration.name}: [{', '.join(map(quoted, default))}]"
    return f"{declaration.name}: {quoted(default)}"


def quoted(value):
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
