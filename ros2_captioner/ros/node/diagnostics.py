"""What ``/diagnostics`` says, and the rules for its levels.

Names are those that diagnostic_updater would give: ``captioner: model``.
Camera: STALE without a frame for five seconds, of a slow camera for three of its periods; ERROR
when every frame of the last period was refused, or a slower camera's last one; WARN when some
were, or when many are lost on the way; else OK, also while the node is not active and hears none.
Model: ERROR when the last transition failed or the model hangs; WARN when the node is not
configured, when a runtime failed and another goes on in its place, when the node survived a
fault of its own, or when another node has its name; else OK, with the reason why it rests, if it
does.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from ros2_captioner.captioner import Captioner
from ros2_captioner.command_line.text import in_line
from ros2_captioner.stream.statistics import CameraReport

_STALE_AFTER_S = 5.0


def diagnostics_name(node: Node) -> str:
    """The node's name in statuses; in a namespace with it, as /diagnostics knows none."""
    return str(node.get_fully_qualified_name()).lstrip("/")


def diagnostic_array(stamp: Time, statuses: Sequence[DiagnosticStatus]) -> DiagnosticArray:
    """A message of several statuses, stamped by the node's clock."""
    message = DiagnosticArray(status=list(statuses))
    message.header.stamp = stamp
    return message


def camera_status(
    node: str, report: CameraReport, problem: str, unheard: str = ""
) -> DiagnosticStatus:
    """One camera: rate, age of the newest frame, drops by reason, last error.

    Args:
        node: name of the node.
        report: of the camera.
        problem: what keeps frames from coming, or many of them, if it is known.
        unheard: why the node does not subscribe to it, else empty. It has a status all the same:
            what watches /diagnostics takes one that stays out for a failure.
    """
    silent_s = report.silence.seconds
    if unheard:
        level, message = DiagnosticStatus.OK, f"not subscribed to: {unheard}"
    elif report.silence.outlasts(_STALE_AFTER_S):
        level, message = DiagnosticStatus.STALE, problem or f"no frame for {silent_s:.0f} s"
    elif report.new_faults and report.new_good <= 0:  # less: one was recalled, and refused
        level, message = DiagnosticStatus.ERROR, report.last_error
    elif report.new_faults:
        level, message = DiagnosticStatus.WARN, report.last_error
    elif report.loses_many:
        level, message = DiagnosticStatus.WARN, problem or "many frames are lost on the way"
    else:
        level, message = DiagnosticStatus.OK, f"{report.rate_hz:.1f} Hz"
    values = {
        "rate (Hz)": f"{report.rate_hz:.1f}",
        "age of the newest frame (s)": f"{silent_s:.2f}",
        "lost on the way": str(report.lost),
        "received": str(report.received),
        "captioned": str(report.captioned),
        **{f"dropped: {reason}": str(count) for reason, count in sorted(report.dropped.items())},
        "last error": report.last_error,
    }
    return _status(level, f"{node}: {report.camera}", message, report.camera, values)


def model_status(
    node: str,
    *,
    rests: str,
    trouble: str,
    hangs_s: float,
    model: Mapping[str, str],
    latencies_s: tuple[float | None, float | None],
    failure: str = "",
    fault: str = "",
) -> DiagnosticStatus:
    """The model and the process.

    Args:
        node: name of the node.
        rests: why nothing is captioned; empty while captioning.
        trouble: see `Captioner.trouble`.
        hangs_s: seconds that a batch has taken which hangs; 0 while none does.
        model: see `model_values`; empty while no model is loaded.
        latencies_s: median and 95th percentile from frame to caption.
        failure: why the last transition failed, else empty.
        fault: what else failed since the last report, or is wrong.
    """
    if failure:
        level, message = DiagnosticStatus.ERROR, failure
    elif hangs_s:
        level, message = DiagnosticStatus.ERROR, f"one batch has taken {hangs_s:.1f} s so far"
    elif not model:
        level, message = DiagnosticStatus.WARN, rests
    elif trouble or fault:
        level, message = DiagnosticStatus.WARN, trouble or fault
    else:
        level, message = DiagnosticStatus.OK, rests or "captioning"
    median, high = ("" if value is None else f"{1000 * value:.0f}" for value in latencies_s)
    values = {
        **model,
        "latency p50 (ms)": median,
        "latency p95 (ms)": high,
        "peak memory (MiB)": str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024),
    }
    return _status(level, f"{node}: model", message, model.get("name", ""), values)


def model_values(captioner: Captioner) -> dict[str, str]:
    """What is loaded, where it runs, and why nowhere better."""
    backend, bundle = captioner.backend, captioner.bundle
    return {
        "name": in_line(bundle.manifest["name"]),
        "digest": bundle.digest,
        "backend": backend.name,
        "device": backend.device,
        "precision": backend.precision,
        "passed over": captioner.reason,
    }


def _status(
    level: bytes, name: str, message: str, hardware: str, values: Mapping[str, str]
) -> DiagnosticStatus:
    return DiagnosticStatus(
        level=level,
        name=name,
        message=message,
        hardware_id=hardware,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
