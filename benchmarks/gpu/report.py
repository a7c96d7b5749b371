"""The report as Markdown, in the columns of docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TIMES = (
    "machine", "runtime", "precision", "beam", "cameras", "resize", "encode", "step", "whole",
    "captions a second", "CIDEr",
)  # fmt: skip
NODE = (
    "machine", "beam", "frames a second", "captioned", "p50", "p95", "p99",
    "the node adds, p50", "CPU, % of one core", "peak MiB",
)  # fmt: skip
_CHECKS = (
    "runtime", "precision", "captions as on the CPU, beam 1, 3, 5", "first caption, s", "GPU MiB",
)  # fmt: skip


def markdown(report: Mapping[str, Any]) -> str:
    """Three tables: what loads and whether its captions are the CPU's, times, the node."""
    machine = report["machine"].partition(",")[0].removeprefix("NVIDIA ")
    times = [
        _times(machine, row) for result in report["runtimes"] for row in result.get("rows", ())
    ]
    parts = [
        f"# {report['machine']}, device {report['device']}",
        f"Captions of {report['scenes']} scenes, word for word.",
        _table(_CHECKS, (_check(result, report["scenes"]) for result in report["runtimes"])),
        "Milliseconds a call, for all its cameras together, captions of 16 words.",
        _table(TIMES, times),
        _node(machine, report["node"]),
    ]
    return "\n\n".join(parts) + "\n"


def _check(result: Mapping[str, Any], scenes: int) -> Sequence[Any]:
    names = (result["runtime"], result["precision"])
    if "error" in result:
        return (*names, result["error"].replace("|", "/"), "", "")
    equal = ", ".join(f"{count}" for count in result["equal"].values())
    shown = f"{equal} of {scenes}" if equal else "not compared"
    return (*names, shown, result["first_caption_s"], result["gpu_memory_mib"] or "")


def _times(machine: str, row: Mapping[str, Any]) -> Sequence[Any]:
    cider = f"{row['CIDEr']:.3f}".lstrip("0") if row["CIDEr"] else ""
    return (
        machine, row["backend"], row["precision"], row["beam_width"], row["cameras"],
        row["preprocess_ms"], row["encode_ms"], row["step_ms"], row["whole_ms"],
        row["captions_per_s"], cider,
    )  # fmt: skip


def _node(machine: str, node: Mapping[str, Any]) -> str:
    if "error" in node:
        return f"The node was not measured: {node['error']}"
    captioned = f"{node['captions']} of {node['sent']}"
    row = (
        machine, 3, f"{node['rate_hz']:g}", captioned, node["p50_ms"], node["p95_ms"],
        node["p99_ms"], node["added_p50_ms"], node["cpu_percent"], round(node["peak_memory_mib"]),
    )  # fmt: skip
    return f"The node, 640x480 raw frames; from stamp to caption.\n\n{_table(NODE, [row])}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
