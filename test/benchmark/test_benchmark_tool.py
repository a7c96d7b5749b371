"""The benchmark command: every combination is timed and reported."""

import copy
import dataclasses
import json
import sys

import pytest

from ros2_captioner.backends.failover import Failover
from ros2_captioner.benchmark import command
from ros2_captioner.benchmark.command import main
from ros2_captioner.benchmark.timing import interleaved
from ros2_captioner.bundle import load_bundle
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError


def test_every_combination_has_a_row(tmp_path, capsys):
    file = tmp_path / "table.json"
    options = ["--precisions", "int8", "--beam-widths", "1", "2", "--cameras", "1", "2"]
    assert main([*options, "--rounds", "2", "--json", str(file)]) == 0
    rows = json.loads(file.read_text())["captions"]
    assert [(row["beam_width"], row["cameras"]) for row in rows] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert {row["CIDEr"] for row in rows} == {load_bundle().cider("int8")}
    for row in rows:
        parts = row["preprocess_ms"] + row["encode_ms"] + 16 * row["step_ms"]
        assert row["encode_ms"] > 0 and parts == pytest.approx(row["whole_ms"], rel=0.5)
        per_s = 1e3 * row["cameras"] / row["whole_ms"]
        assert row["captions_per_s"] == pytest.approx(per_s, abs=0.06)  # it is rounded
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and lines[0].split()[:2] == ["backend", "precision"]
    assert len({len(line) for line in lines}) == 1


def test_a_model_that_nobody_scored_has_no_score(captioner, capsys, tmp_path, monkeypatch):
    unscored = dataclasses.replace(
        captioner.bundle, manifest={**captioner.bundle.manifest, "metrics": {}}
    )
    failover = Failover([lambda: captioner.backend])
    monkeypatch.setattr(Captioner, "load", lambda *given: Captioner(unscored, failover))
    file = tmp_path / "table.json"
    options = ["--precisions", "int8", "--beam-widths", "1", "--cameras", "1", "--rounds", "1"]
    assert main([*options, "--json", str(file)]) == 0
    (row,) = json.loads(file.read_text())["captions"]
    assert row["CIDEr"] is None and "None" not in capsys.readouterr().out


def test_what_another_runtime_took_over_in_the_middle_has_no_row(monkeypatch, captioner, capsys):
    better, attempts = copy.copy(captioner.backend), []
    better.name = "better"

    def built_the_second_time():
        attempts.append(None)
        if len(attempts) == 1:
            raise BackendError("no engine yet")
        return better

    failover = Failover([built_the_second_time, lambda: captioner.backend])
    monkeypatch.setattr(Captioner, "load", lambda *given: Captioner(captioner.bundle, failover))
    assert main(["--precisions", "int8", "--beam-widths", "1", "--cameras", "1"]) == 2
    shown = capsys.readouterr()
    assert "error: better on cpu in int8 took over from onnxruntime on cpu in int8" in shown.err
    assert not shown.out


def test_calls_take_turns_and_the_warm_up_is_left_out():
    order = []
    calls = {name: lambda name=name: order.append(name) or len(order) for name in "ab"}
    assert interleaved(calls, 2) == {"a": [5, 7], "b": [6, 8]}
    assert "".join(order) == "abababab"


@pytest.mark.parametrize(
    "options",
    [
        ["--precisions", "int3"],
        ["--model", "/nowhere"],
        ["--beam-widths", "99"],
        ["--node-rates", "0"],
        ["--node-seconds", "nan"],
    ],
)
def test_errors_are_one_line_and_status_2(options, capsys):
    assert main(options) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and len(printed.splitlines()) == 1
    assert "expected" in printed


def test_without_ros_it_is_told_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ros2_captioner.benchmark.node", None)
    monkeypatch.setattr(command, "measure_model", lambda *given: pytest.fail("measured"))
    assert main(["--node-rates", "2"]) == 2
    assert capsys.readouterr().err.startswith("error: --node-rates needs ROS 2 (")


def test_the_table_never_destroys_the_model(bundle_copy, capsys):
    manifest = bundle_copy / "manifest.json"
    before = manifest.read_bytes()
    assert main(["--model", str(bundle_copy), "--json", str(manifest)]) == 2
    assert "same file as" in capsys.readouterr().err and manifest.read_bytes() == before
