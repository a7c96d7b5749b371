"""The node under the benchmark's stopwatch."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from ros2_captioner.benchmark import command, node
from ros2_captioner.benchmark.node import measure_node
from ros2_captioner.errors import BackendError


@pytest.fixture
def nodes(monkeypatch):
    """The parameters of the nodes that would have been measured."""
    found = []
    monkeypatch.setattr(command, "measure_model", lambda *given: [{"backend": "fast"}])
    monkeypatch.setattr(
        node, "measure_node", lambda parameters, *given: found.append(parameters) or {"p50_ms": 1.0}
    )
    return found


def test_the_node_runs_each_precision_that_was_asked_for_and_its_row_says_so(nodes, tmp_path):
    file = tmp_path / "table.json"
    options = ["--node-rates", "2", "--beam-widths", "1", "--json", str(file)]
    assert command.main([*options, "--precisions", "int8", "float16"]) == 0
    assert [each["precision"] for each in nodes] == ["int8", "float16"]
    rows = json.loads(file.read_text())["node"]
    assert [list(row.items())[:2] for row in rows] == [
        [("backend", "auto"), ("precision", precision)] for precision in ("int8", "float16")
    ]


def test_without_a_precision_the_node_takes_its_own(nodes, capsys):
    assert command.main(["--node-rates", "2", "--beam-widths", "1", "3"]) == 0
    assert [each["beam_width"] for each in nodes] == [1, 3]
    assert all("precision" not in each for each in nodes)
    assert capsys.readouterr().out.split("\n\n")[1].split()[:2] == ["backend", "beam_width"]


def test_where_a_node_fails_what_was_measured_stays(nodes, monkeypatch, tmp_path):
    measured = Mock(side_effect=[{"p50_ms": 1.0}, BackendError("it died")])
    monkeypatch.setattr(node, "measure_node", measured)
    file = tmp_path / "table.json"
    assert command.main(["--node-rates", "2", "30", "--beam-widths", "3", "--json", str(file)]) == 2
    tables = json.loads(file.read_text())
    assert tables["captions"] == [{"backend": "fast"}] and len(tables["node"]) == 1


def test_a_node_that_dies_in_the_middle_is_told(photograph, monkeypatch):
    monkeypatch.setattr(node, "_warm_up", lambda watch, child, period_s: child.kill())
    with pytest.raises(BackendError, match="ended with status -9 while it was timed"):
        measure_node({}, photograph, rate_hz=10.0, seconds=1.0)


_TERMINATED = """
import sys, time
from ros2_captioner.benchmark import command, node
from ros2_captioner.tools.commands import captioner_benchmark

def wait(watch, child, period_s):
    print(child.pid, flush=True)
    time.sleep(120)

command.measure_model, node._warm_up = lambda *given: [{"backend": "fast"}], wait
sys.argv = ["captioner_benchmark", "--node-rates", "2", "--beam-widths", "1"]
captioner_benchmark()
"""


def test_the_node_ends_with_the_benchmark_that_is_terminated():
    """As by `timeout`, or where the terminal is closed; it would run on for ever."""
    with subprocess.Popen(
        [sys.executable, "-c", _TERMINATED], stdout=subprocess.PIPE, text=True
    ) as benchmark:
        child = next(line.strip() for line in benchmark.stdout if line.strip().isdigit())
        benchmark.terminate()
    try:
        assert benchmark.returncode == 128 + signal.SIGTERM and not Path("/proc", child).exists()
    finally:
        subprocess.run(["kill", "-KILL", child], stderr=subprocess.DEVNULL)


def test_a_slow_camera_loses_nothing_and_its_captions_are_timed(photograph):
    parameters = {"device": "cpu", "beam_width": 1}
    found = measure_node(parameters, photograph[::2, ::2].copy(), rate_hz=2.0, seconds=3.0)
    assert found["sent"] == found["captions"] == 6
    assert 0 < found["model_p50_ms"] < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
    assert 0 < found["added_p50_ms"] < found["p50_ms"]
    assert found["cpu_percent"] > 0 and found["peak_memory_mib"] > 50


def test_a_fast_camera_is_captioned_as_often_as_there_is_time(photograph):
    parameters = {"device": "cpu", "max_rate_hz": 5.0}
    found = measure_node(parameters, photograph[::4, ::4].copy(), rate_hz=50.0, seconds=1.0)
    assert found["sent"] == 50 and 2 <= found["captions"] <= 30
