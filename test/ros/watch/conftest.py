"""What captioners say on /diagnostics."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

RAW = "/camera/image_raw"


@pytest.fixture
def status():
    """Makes a DiagnosticStatus."""
    return _status


@pytest.fixture
def statuses():
    """A camera and its model, in that order."""
    counts = {"received": "50", "captioned": "40", "dropped: replaced": "10"}
    model = {"name": "m", "latency p50 (ms)": "90", "peak memory (MiB)": "150"}
    return [
        _status(f"/captioner: {RAW}", DiagnosticStatus.OK, "5.0 Hz", counts),
        _status("/captioner: model", DiagnosticStatus.WARN, "nobody subscribes", model),
    ]


@pytest.fixture
def four_cameras():
    """Makes the statuses of a node's model and its four cameras."""
    return _four_cameras


def _status(name, level, message, values):
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return DiagnosticStatus(name=name, level=level, message=message, values=pairs)


def _four_cameras(node="captioner"):
    counts = {"received": "50", "captioned": "40", "dropped: replaced": "10", "dropped: old": "1"}
    model = {"name": "m", "latency p50 (ms)": "90", "peak memory (MiB)": "150"}
    cameras = [
        _status(f"{node}: /camera{place}/image_raw", DiagnosticStatus.OK, "5.0 Hz", counts)
        for place in range(4)
    ]
    return [_status(f"{node}: model", DiagnosticStatus.OK, "captioning", model), *cameras]
