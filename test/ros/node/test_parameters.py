"""The parameter table and what follows from it."""

import dataclasses
import re
from pathlib import Path

import pytest
from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.errors import OptionsError
from ros2_captioner.options import declarations
from ros2_captioner.ros.node.parameters import (
    changed_settings,
    hear_changes,
    initial_settings,
    search_parameters,
)
from ros2_captioner.settings import NodeSettings

ROOT = Path(__file__).parents[3]


def change(settings, *, configured=True, active=True, **values):
    parameters = [Parameter(name, value=value) for name, value in values.items()]
    return changed_settings(
        settings, parameters, "/robot/captioner", configured=configured, active=active
    )


def test_defaults_are_consistent_and_reach_the_search():
    settings = NodeSettings()
    assert isinstance(settings, DecodingOptions)
    assert settings.max_frame_age_s == 2.0


def test_several_parameters_change_together_or_not_at_all():
    settings = NodeSettings()
    changed, result = change(settings, beam_width=5, num_alternatives=4)
    assert result.successful and changed.num_alternatives == 4
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
        {"length_penalty": "1.0"},
        {"length_penalty": True},
        {"max_rate_hz": -1.0},
        {"min_length": 30},
        {"publish_attention": 1},
        {"banned_words": "word"},
        {"banned_words": ["dog", "?!"]},
        {"never_last": ["a", "..."]},
        {"image_topics": []},
        {"image_topics": ["/camera//image"]},
        {"image_topics": ["a camera"]},
    ],
)
def test_bad_values_are_refused_with_what_was_found_and_expected(values):
    settings = NodeSettings()
    kept, result = change(settings, active=False, **values)
    assert kept is settings and not result.successful
    assert "expected" in result.reason and next(iter(values)) in result.reason


def test_topics_behind_commas_are_told_how_a_list_is_typed():
    _, result = change(NodeSettings(), active=False, image_topics=["/a,/b"])
    assert result.reason.endswith("; a list is typed ['/a', '/b']")


@pytest.mark.parametrize("name", ["banned_words", "never_last"])
def test_words_behind_commas_are_no_phrase(name):
    _, result = change(NodeSettings(), **{name: ["hot dog, man"]})
    assert result.reason.startswith(f"{name} holds 'hot dog, man'; expected words")
    assert result.reason.endswith("; a list is typed ['hot dog', 'man']")


@pytest.mark.parametrize(
    ("name", "said"),
    [("banned_words", "(1, 2); expected string_array"), ("beam_width", "[1, 2]; expected integer")],
)
def test_numbers_in_a_list_are_told_as_they_were_typed(name, said):
    sent = Parameter(name, value=[1, 2]).to_parameter_msg()  # the middleware makes it an array
    sent.value.integer_array_value = [1, 2]
    received = Parameter.from_parameter_msg(sent)
    _, result = changed_settings(NodeSettings(), [received], "", configured=True, active=True)
    assert result.reason.startswith(f"{name} is {said}")


def test_an_integer_is_taken_for_a_double():
    changed, result = change(NodeSettings(), length_penalty=1)
    assert result.successful and changed.length_penalty == 1.0


def test_fixed_parameters_are_refused_once_configured():
    settings = NodeSettings()
    refused = change(settings, model="elsewhere")[1]
    assert not refused.successful
    assert "type: ros2 lifecycle set /robot/captioner deactivate" in refused.reason
    free = change(settings, configured=False, active=False, model="elsewhere")[0]
    assert free.model == "elsewhere"


def test_a_value_that_stays_is_no_change():
    """``ros2 param load`` of what ``ros2 param dump`` wrote sets every parameter."""
    settings = NodeSettings()
    values = {**dataclasses.asdict(settings), "image_topics": ["/camera/image_raw"]}
    del values["banned_words"]  # an empty list has no type in Python
    same, result = change(settings, **{**values, "max_rate_hz": 0})
    assert result.successful and same == settings


def test_cameras_are_changed_between_deactivate_and_activate():
    settings = NodeSettings()
    refused = change(settings, image_topics=["/front"])[1]
    assert not refused.successful
    assert "type: ros2 lifecycle set /robot/captioner deactivate" in refused.reason
    changed, result = change(settings, active=False, image_topics=["/front"])
    assert result.successful and changed.image_topics == ("/front",)


def test_unknown_choice_lists_the_known():
    with pytest.raises(OptionsError, match="onnxruntime"):
        NodeSettings(backend="abacus")


@pytest.mark.parametrize(
    "declaration", declarations(NodeSettings), ids=lambda declaration: declaration.name
)
def test_every_parameter_is_explained_with_an_example(declaration):
    guide = (ROOT / "docs/parameters.md").read_text()
    section = guide.split(f"### {declaration.name}\n")[1].split("\n#")[0]
    assert re.search(rf"    ros2 .*\b{declaration.name}(:=| )", section)


@pytest.fixture
def node(node_with_file, tmp_path):
    file = tmp_path / "parameters.yaml"
    file.write_text("/**:\n  ros__parameters:\n    beam_width: 5\n")
    return node_with_file(file)


@pytest.mark.parametrize("refused", [True, False])
def test_a_change_is_taken_unless_another_callback_refuses_it(node, refused):
    if not hasattr(node, "add_post_set_parameters_callback"):
        pytest.skip("Humble tells nobody what became of a change")
    initial_settings(node)
    checked, taken = [], []
    # The callback that was added last is asked first.
    node.add_on_set_parameters_callback(lambda _: SetParametersResult(successful=not refused))
    hear_changes(
        node, lambda _: checked.append(1) or SetParametersResult(successful=True), taken.append
    )
    node.set_parameters_atomically([Parameter("beam_width", value=4)])
    assert checked and bool(taken) is not refused


def test_where_nobody_tells_a_change_is_taken_as_it_passes():
    class OfHumble:
        def add_on_set_parameters_callback(self, callback):
            self.callback = callback

    node, taken = OfHumble(), []
    results = iter([SetParametersResult(successful=good) for good in (False, True)])
    hear_changes(node, lambda _: next(results), taken.append)
    assert not node.callback(["a"]).successful and not taken
    assert node.callback(["a"]).successful and taken == [["a"]]


def test_the_search_of_a_bundle_as_parameters_keeps_the_types(node):
    initial_settings(node)
    options = DecodingOptions(beam_width=4, length_penalty=0.5, num_alternatives=2)
    found = search_parameters(options, without={"beam_width"})
    assert node.set_parameters_atomically(found).successful
    assert node.get_parameter("beam_width").value == 5
    assert node.get_parameter("length_penalty").value == 0.5
    assert node.get_parameter("banned_words").type_ == Parameter.Type.STRING_ARRAY


@pytest.mark.parametrize("words", ["[]", "[dog, cat]"])
def test_lists_of_a_parameter_file_arrive_and_keep_their_type(node_with_file, tmp_path, words):
    file = tmp_path / "parameters.yaml"
    defaults = (ROOT / "config/captioner.yaml").read_text()
    file.write_text(defaults.replace("# banned_words: []", f"banned_words: {words}"))
    node = node_with_file(file)
    found = initial_settings(node)
    assert found == NodeSettings(banned_words=() if words == "[]" else ("dog", "cat"))
    parameter = node.get_parameter("banned_words")
    assert parameter.type_ == Parameter.Type.STRING_ARRAY
    assert parameter.value == list(found.banned_words)


@pytest.mark.parametrize("typed", ["no", "[no]", "0"])
def test_a_word_that_yaml_takes_for_something_else_is_no_empty_list(
    node_with_file, tmp_path, typed
):
    file = tmp_path / "parameters.yaml"
    file.write_text(f"/**:\n  ros__parameters:\n    banned_words: {typed}\n")
    with pytest.raises(OptionsError, match="banned_words is .*; expected string_array"):
        initial_settings(node_with_file(file))


def test_a_wrong_value_in_a_parameter_file_is_named(node_with_file, tmp_path):
    file = tmp_path / "parameters.yaml"
    file.write_text("/**:\n  ros__parameters:\n    beam_width: 17\n")
    with pytest.raises(OptionsError, match="parameter beam_width: .*expected integer from 1 to 16"):
        initial_settings(node_with_file(file))
