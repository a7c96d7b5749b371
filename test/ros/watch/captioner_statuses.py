"""What captioners say on /diagnostics."""

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

RAW = "/camera/image_raw"


def status(name, level, message, values):
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return DiagnosticStatus(name=name, level=level, message=message, values=pairs)


def one_camera():
    """A camera and its model, in that order."""
    counts = {"received": "50", "captioned": "40", "dropped: replaced": "10"}
    model = {"name": "m", "latency p50 (ms)": "90", "peak memory (MiB)": "150"}
    return [
        status(f"/captioner: {RAW}", DiagnosticStatus.OK, "5.0 Hz", counts),
        status("/captioner: model", DiagnosticStatus.WARN, "nobody subscribes", model),
    ]


def four_cameras(node="captioner"):
    """A model and its cameras."""
    counts = {"received": "50", "captioned": "40", "dropped: replaced": "10", "dropped: old": "1"}
    model = {"name": "m", "latency p50 (ms)": "90", "peak memory (MiB)": "150"}
    cameras = [
        status(f"{node}: /camera{place}/image_raw", DiagnosticStatus.OK, "5.0 Hz", counts)
        for place in range(4)
    ]
    return [status(f"{node}: model", DiagnosticStatus.OK, "captioning", model), *cameras]
