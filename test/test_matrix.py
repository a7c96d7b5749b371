"""What users of such nodes ask for, row by row, and the tests that prove each row."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MATRIX = {
    "several cameras, one model: own captions with the input's stamp and frame_id": [
        "ros/node/test_node.py::test_raw_camera_keeps_stamp_and_frame_id",
        "ros/node/test_node.py::test_jpeg_camera_and_its_own_output",
        "ros/node/test_node_cameras.py::test_a_slow_camera_is_not_starved_by_a_fast_one",
    ],
    "cameras that come late, vanish and come back; added and removed without a restart": [
        "ros/node/test_node_cameras.py::test_a_camera_comes_late_vanishes_and_comes_back_as_another_type",
        "ros/node/test_node_cameras.py::test_cameras_are_added_and_removed_without_a_restart",
        "ros/node/test_node.py::test_a_topic_named_twice_is_one_camera",
    ],
    "on demand: ~/caption, ~/enable, no work while nobody listens": [
        "ros/node/test_node_control.py::test_caption_service_answers_while_disabled",
        "ros/node/test_node_control.py::test_caption_service_says_why_it_cannot",
        "ros/node/test_node_control.py::test_nothing_is_captioned_while_nobody_listens",
    ],
    "scene-change gate, staleness and rate limit, all counted": [
        "ros/node/test_node_control.py::test_a_still_scene_is_captioned_once",
        "ros/node/test_node.py::test_stale_frame_is_refused",
        "ros/node/test_node.py::test_rate_limit_holds_frames_back",
    ],
    "live parameters: together or not at all, with reasons, on the next frame": [
        "ros/node/test_node.py::test_parameters_act_on_the_next_caption",
        "ros/node/test_node.py::test_bad_parameters_are_refused_and_change_nothing",
        "ros/node/test_parameters.py::test_readme_table_holds_every_parameter",
        "ros/node/test_parameters.py::test_config_file_holds_every_parameter_with_its_default",
        "ros/node/test_parameters.py::test_every_parameter_is_explained_with_an_example",
    ],
    "overlay, only while someone listens": [
        "ros/node/test_node_control.py::test_overlay_keeps_the_header_and_shows_the_caption",
        "test_overlay.py::test_long_captions_take_more_lines",
    ],
    "/diagnostics: cameras and model by stated rules": [
        "ros/node/test_node_control.py::test_diagnostics_count_refusals_by_reason",
        "ros/node/test_statistics.py::test_model_levels",
        "ros/node/test_node_robustness.py::test_a_clock_that_jumps_back_stops_nothing",
    ],
    "QoS: overrides, and one plain sentence for what keeps frames from coming": [
        "ros/node/test_node_cameras.py::test_qos_overrides_win_and_only_where_given",
        "ros/node/test_node_cameras.py::test_a_senseless_qos_override_is_named_and_leaves_the_node_inactive",
        "ros/node/test_node_control.py::test_reliability_that_cannot_match_is_named",
        "ros/node/test_node_control.py::test_a_camera_that_nobody_publishes_is_named_with_the_remedy",
        "ros/node/test_node_control.py::test_a_topic_of_another_type_is_named",
        "ros/node/test_node_control.py::test_raw_frames_that_do_not_come_are_explained",
    ],
    "image conversion, pixel-equal to references; every generated message is accounted for": [
        "images/test_image_conversion.py::test_pixels_equal_opencv_whatever_the_row_padding",
        "ros/node/test_fuzz.py::test_images_are_converted_or_refused",
        "ros/node/test_fuzz.py::test_the_node_survives_and_accounts_for_every_message",
    ],
    "robustness: failing runtimes, memory, hangs, storms, clocks, slow listeners, signals": [
        "ros/node/test_node_robustness.py::test_a_runtime_that_fails_is_replaced_and_named",
        "ros/node/test_node_robustness.py::test_out_of_memory_costs_a_frame_and_not_the_node",
        "ros/node/test_node_robustness.py::test_a_hanging_model_is_reported_within_two_seconds",
        "ros/node/test_node_robustness.py::test_a_storm_of_parameters_is_answered_and_captions_go_on",
        "ros/node/test_node_robustness.py::test_transitions_amid_frames_and_requests",
        "ros/node/test_node_robustness.py::test_a_listener_that_never_reads_slows_nobody",
        "ros/node/test_node_robustness.py::test_signals_at_any_moment_end_the_node_cleanly",
        "ros/node/test_node_cameras.py::test_a_managed_node_bonds_where_bondpy_is_installed",
        "ros/node/test_node_lifecycle.py::test_cycles_leave_no_memory_behind",
        "ros/node/test_node_soak.py::test_a_soak_of_four_cameras",
    ],
    "launch: every argument described; a killed node comes back; bags play": [
        "test_launch_files.py::test_every_argument_has_a_description",
        "test_launch_files.py::test_a_killed_node_captions_again",
        "ros/players/test_bag_player.py::test_the_node_captions_a_bag",
    ],
    "watch: cameras, rates and captions in a terminal": [
        "ros/test_watch.py::test_into_a_pipe_it_prints_a_line_for_each_caption",
        "ros/test_watch.py::test_lines_fit_the_terminal",
    ],
}


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.split(":")[0])
def test_row_is_proven_by_tests_that_exist(row):
    for test in MATRIX[row]:
        file, name = test.split("::")
        tree = ast.parse((HERE / file).read_text())
        assert any(isinstance(n, ast.FunctionDef) and n.name == name for n in tree.body), test
