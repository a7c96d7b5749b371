"""The parameter file and the README's table hold what the settings declare."""

import re
from pathlib import Path

import yaml

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.options import declarations, make_options
from ros2_captioner.settings import NodeSettings
from ros2_captioner.tools.parameter_files import TABLE_FILE, YAML_FILE, parameter_file, with_table

ROOT = Path(__file__).parents[2]


def test_the_committed_files_are_up_to_date():
    assert (ROOT / YAML_FILE).read_text() == parameter_file()
    readme = (ROOT / TABLE_FILE).read_text()
    assert "| `beam_width` | integer | live | `3` |" in readme and with_table(readme) == readme


def test_the_parameter_file_gives_the_defaults_and_leaves_the_search_to_the_model():
    text = parameter_file()
    values = yaml.safe_load(text)["/**"]["ros__parameters"]
    assert not values.keys() & {each.name for each in declarations(DecodingOptions)}
    whole = yaml.safe_load(re.sub(r"# (\w+:)", r"\1", text))["/**"]["ros__parameters"]
    names = {each.name for each in declarations(NodeSettings)}
    assert whole.keys() == names and make_options(NodeSettings, whole) == NodeSettings()
