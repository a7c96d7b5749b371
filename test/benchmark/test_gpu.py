"""``make gpu`` where the GPU is host memory: what is compared, and what becomes of a crash."""

import json
import os
from pathlib import Path

import pytest

from benchmarks.gpu import __main__ as command
from benchmarks.gpu.report import NODE, TIMES, markdown

ROOT = Path(__file__).parents[2]
# Read by Python at its start: gives the processes of the benchmark a simulated GPU.
SIMULATION = """
import simulated_gpu
from ros2_captioner.backends import nvidia_driver
from ros2_captioner.backends.tensorrt import backend, cuda, engines

runtime = simulated_gpu.Runtime()
replacements = {
    "check_driver": lambda: None,
    "import_cuda": lambda: runtime,
    "import_tensorrt": lambda: simulated_gpu.tensorrt(runtime),
    "build_engine": lambda trt, bundle, precision, part, *others: engines.onnx_model(
        bundle, precision, part
    ),
}
for module in (backend, nvidia_driver, cuda, engines):
    for name, value in replacements.items():
        if hasattr(module, name):
            setattr(module, name, value)
"""


@pytest.fixture
def simulation(monkeypatch, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SIMULATION)
    path = (tmp_path, ROOT / "test/support/simulated", ROOT)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, path)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_tensorrt_captions_as_the_cpu_and_what_is_missing_is_a_row(simulation, tmp_path, capsys):
    runtimes = ("--runtimes", "tensorrt", "onnxruntime", "--precisions", "float16")
    amounts = ("--scenes", "2", "--rounds", "1", "--node-s", "0", "--timeout-s", "300")
    assert command.main([*runtimes, *amounts, "--output", str(tmp_path / "gpu")]) == 0
    report = json.loads((tmp_path / "gpu/gpu.json").read_text())
    tensorrt, onnxruntime = report["runtimes"]
    assert tensorrt["equal"] == {"1": 2, "3": 2, "5": 2}
    assert [(row["beam_width"], row["cameras"]) for row in tensorrt["rows"]] == [
        (1, 1), (1, 4), (3, 1), (3, 4), (5, 1), (5, 4)
    ]  # fmt: skip
    assert all(row["whole_ms"] > 0 and row["backend"] == "tensorrt" for row in tensorrt["rows"])
    assert "no CUDA provider" in onnxruntime["error"]
    shown = (tmp_path / "gpu/gpu.md").read_text()
    assert "| tensorrt | float16 | 2, 2, 2 of 2 |" in shown
    assert "| onnxruntime | float16 | " in shown and "The node was not measured: left out" in shown
    assert "tensorrt float16: {'1': 2, '3': 2, '5': 2}" in capsys.readouterr().out


def test_nothing_that_runs_is_a_failure(tmp_path):
    few = ("--runtimes", "onnxruntime", "--precisions", "float16", "--scenes", "1")
    output = tmp_path / "gpu"
    assert command.main([*few, "--node-s", "0", "--timeout-s", "300", "--output", str(output)]) == 1
    assert (output / "gpu.md").is_file()


def test_what_cannot_be_done_is_one_line_before_anything_is_measured(tmp_path, capsys):
    (tmp_path / "file").touch()
    for options in (["--model", "/nowhere"], ["--output", str(tmp_path / "file")]):
        assert command.main(["--output", str(tmp_path / "gpu"), *options]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and options[1] in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("program", "timeout_s", "error"),
    [
        ("import os; os.abort()", 60, "the process died with status -6"),
        ("raise ValueError('out of memory')", 60, "ValueError: out of memory"),
        ("while True: pass", 1, "not done within 1 s"),
    ],
)
def test_a_crash_is_an_error_not_the_end(program, timeout_s, error):
    assert command._program(program, timeout_s=timeout_s) == {"error": error}


def test_tables_have_the_columns_of_the_performance_page():
    page = (ROOT / "docs/performance.md").read_text()
    for columns in (TIMES, NODE):
        assert f"| {' | '.join(columns)} |" in page


def test_the_node_has_a_row():
    node = {"rate_hz": 15.0, "sent": 300, "captions": 298, "p50_ms": 4.0, "p95_ms": 5.0,
            "p99_ms": 6.0, "added_p50_ms": 2.0, "cpu_percent": 90,
            "peak_memory_mib": 612.4}  # fmt: skip
    report = {"machine": "NVIDIA X, 1", "device": "cuda", "scenes": 1, "runtimes": [], "node": node}
    assert "| X | 3 | 15 | 298 of 300 | 4.0 | 5.0 | 6.0 | 2.0 | 90 | 612 |" in markdown(report)
