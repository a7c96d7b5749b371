"""The parameter file and the README's table hold what the settings declare."""

from pathlib import Path

import yaml

from ros2_captioner.options import make_options
from ros2_captioner.settings import NodeSettings
from ros2_captioner.tools.parameter_files import TABLE_FILE, YAML_FILE, parameter_file, with_table

ROOT = Path(__file__).parents[2]


def test_the_committed_files_are_up_to_date():
    assert (ROOT / YAML_FILE).read_text() == parameter_file()
    readme = (ROOT / TABLE_FILE).read_text()
    assert "| `beam_width` | integer | live | `3` |" in readme and with_table(readme) == readme


def test_the_parameter_file_gives_the_defaults():
    values = yaml.safe_load(parameter_file())["/**"]["ros__parameters"]
    assert make_options(NodeSettings, values) == NodeSettings()
