"""What of parameter files does nothing, told at start."""

import pytest
import yaml
from ros_harness import ros_arguments

from ros2_captioner.ros.process.parameters import declare_parameters
from ros2_captioner.settings import NodeSettings


def test_misspelt_names_are_told_with_what_was_meant(node_with_file, tmp_path, capfd):
    file = tmp_path / "parameters.yaml"
    file.write_text(
        "/**:\n  ros__parameters:\n    beam_with: 5\n    colour: red\n    use_sim_time: false\n"
        "    qos_overrides:\n      /scene_caption:\n        publisher: {depth: 3}\n"
    )
    declare_parameters(node_with_file(file), NodeSettings)
    told = capfd.readouterr().err
    assert "there is no parameter beam_with; did you mean beam_width?" in told
    assert "there is no parameter colour; expected one of beam_width, " in told
    assert told.count("there is no parameter") == 2


@pytest.mark.parametrize("section", ["/captoner", "/robot/**", "/*/*", "/**/settings", "robot"])
@pytest.mark.parametrize("others", ["", "/**:\n  ros__parameters:\n    beam_width: 5\n"])
def test_a_file_for_another_node_is_told(
    node_with_file, tmp_path, capfd, monkeypatch, section, others
):
    used, unused = tmp_path / "used.yaml", tmp_path / "unused.yaml"
    used.write_text(others)
    unused.write_text(f"'{section}':\n  ros__parameters:\n    beam_width: 4\n")
    files = [used, unused] if others else [unused]
    monkeypatch.setattr("sys.argv", ros_arguments(*files))
    node = node_with_file(*files)
    assert declare_parameters(node, NodeSettings).beam_width == (5 if others else 3)
    own, told = node.get_fully_qualified_name(), capfd.readouterr().err
    assert f"{unused} sets nothing of {own}; expected a section '{own}:'" in told
    assert told.count("sets nothing") == 1


@pytest.mark.parametrize(
    "section", ["/**", "**", "/*", "captioner", "/captioner", "/**/captioner", "/ captioner"]
)
def test_a_file_for_this_node_is_used(node_with_file, tmp_path, capfd, monkeypatch, section):
    file = tmp_path / "parameters.yaml"
    content = {"ros__parameters": {"beam_width": 5}}
    for name in reversed(section.split()):  # one in another
        content = {name: content}
    file.write_text(yaml.safe_dump(content))
    monkeypatch.setattr("sys.argv", ros_arguments(file))
    assert declare_parameters(node_with_file(file), NodeSettings).beam_width == 5
    assert "sets nothing" not in capfd.readouterr().err


def test_a_file_without_content_is_told(node_with_file, tmp_path, capfd, monkeypatch):
    file = tmp_path / "parameters.yaml"
    file.write_text("# beam_width: 5\n")
    monkeypatch.setattr("sys.argv", ros_arguments(file))
    declare_parameters(node_with_file(file), NodeSettings)
    assert f"{file} sets nothing of /captioner; expected a section" in capfd.readouterr().err
