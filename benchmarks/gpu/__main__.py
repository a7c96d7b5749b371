"""Run every runtime and precision in a process of its own; compare, time and write tables.

python -m benchmarks.gpu --output build/gpu

needs numpy, OpenCV and onnxruntime, and compares what else imports: torch, TensorRT, TensorRT-RTX,
ONNX Runtime with CUDA and, for the node, rclpy. What does not load, crashes or takes too long is a
line of the report.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.gpu.contender import LOADERS
from benchmarks.gpu.report import markdown
from ros2_captioner.bundle import load_bundle
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import user_path

_PRECISIONS = ("float16", "int8")
_NODE_RATE_HZ = 30.0
_NODE = """
import json, sys
from ros2_captioner.benchmark.node import measure_node
from ros2_captioner.benchmark.timing import synthetic_frames
model, device, rate_hz, seconds = sys.argv[1:]
parameters = {"model": model, "device": device, "beam_width": 3}
print(json.dumps(measure_node(parameters, synthetic_frames(1)[0], float(rate_hz), float(seconds))))
"""


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; 0 if any runtime captioned on the device, as the CPU does or not."""
    parsed = _parser().parse_args(arguments)
    parsed.output.mkdir(parents=True, exist_ok=True)  # not after minutes of measuring
    carried = load_bundle(parsed.model).precisions
    precisions = [name for name in parsed.precisions if name in carried]
    references = {name: _run("onnxruntime", name, "cpu", parsed, rounds=0) for name in precisions}
    found = []
    for runtime, precision in product(parsed.runtimes, precisions):
        if runtime.startswith("torch") and precision == "int8":
            continue  # PyTorch has no weights of it
        result = _run(runtime, precision, parsed.device, parsed, parsed.rounds)
        result["equal"] = _equal(result, references[precision])
        print(f"{runtime} {precision}: {result.get('error') or result['equal']}", flush=True)
        found.append({"runtime": runtime, "precision": precision, **result})
    report = {
        "machine": _machine(),
        "device": parsed.device,
        "scenes": parsed.scenes,
        "runtimes": found,
        "node": _node(parsed),
    }
    text = json.dumps(report, indent=1) + "\n"
    (parsed.output / "gpu.json").write_text(text, encoding="utf-8")
    (parsed.output / "gpu.md").write_text(markdown(report), encoding="utf-8")
    print(f"wrote {parsed.output / 'gpu.json'} and {parsed.output / 'gpu.md'}")
    return 0 if any("error" not in result for result in found) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output", type=user_path, default=Path("build/gpu"), help="folder")
    parser.add_argument("--model", default="", help="bundle (default: the shipped one)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--runtimes", nargs="+", choices=LOADERS, default=list(LOADERS))
    parser.add_argument("--precisions", nargs="+", choices=_PRECISIONS, default=_PRECISIONS)
    for name, default, text in (
        ("rounds", 15, "how often each setting is timed"),
        ("scenes", 16, "images whose captions are compared"),
        ("timeout-s", 100, "seconds for one runtime in one precision"),
        ("node-s", 10, "seconds for the node; 0 leaves it out"),
    ):
        parser.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{text} (default: {default})"
        )
    return parser


def _node(parsed: argparse.Namespace) -> dict[str, Any]:
    if not parsed.node_s:
        return {"error": "left out"}
    arguments = (parsed.model, parsed.device, str(_NODE_RATE_HZ), str(parsed.node_s))
    return _program(_NODE, *arguments, timeout_s=parsed.timeout_s)


def _run(
    runtime: str, precision: str, device: str, parsed: argparse.Namespace, rounds: int
) -> dict[str, Any]:
    program = "import sys; from benchmarks.gpu.contender import main; sys.exit(main())"
    options = ("--model", parsed.model, "--rounds", str(rounds), "--scenes", str(parsed.scenes))
    arguments = (runtime, precision, device, *options)
    return _program(program, *arguments, timeout_s=parsed.timeout_s)


def _program(program: str, *arguments: str, timeout_s: float) -> dict[str, Any]:
    """The JSON that a Python program printed last, or ``{"error": ...}``."""
    line = [sys.executable, "-c", program, *arguments]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return {"error": f"not done within {timeout_s:.0f} s"}
    if done.returncode == 0:
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result
    said = done.stderr.strip().splitlines()
    return {"error": said[-1] if said else f"the process died with status {done.returncode}"}


def _equal(result: dict[str, Any], reference: dict[str, Any]) -> dict[str, int]:
    """For each beam width, how many captions equal the CPU's word for word."""
    if "error" in result or "error" in reference:
        return {}
    return {
        width: sum(a == b for a, b in zip(captions, reference["captions"][width], strict=True))
        for width, captions in result["captions"].items()
    }


def _machine() -> str:
    """The GPU's name and driver, as the driver tells them."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "no NVIDIA driver"
    return done.stdout.splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
