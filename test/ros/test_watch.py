"""The terminal view: its text, and as a process beside the node."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from ros_harness import Client, Process

from ros2_captioner.ros.watch import render

RAW = "/camera/image_raw"


def status(name, level, message, values):
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return DiagnosticStatus(name=name, level=level, message=message, values=pairs)


@pytest.fixture
def statuses():
    counts = {"received": "50", "captioned": "40", "dropped: replaced": "10"}
    model = {"name": "m", "latency p50 (ms)": "90", "peak memory (MiB)": "150"}
    return [
        status(f"/captioner: {RAW}", DiagnosticStatus.OK, "5.0 Hz", counts),
        status("/captioner: model", DiagnosticStatus.WARN, "nobody subscribes", model),
    ]


def test_model_first_then_cameras_with_counts_and_caption(statuses):
    lines = render(statuses, {RAW: "a dog runs"}, 80, colour=False).splitlines()
    assert lines == [
        "WARN  model",
        "      nobody subscribes",
        "      name m, latency p50 (ms) 90, peak memory 150 MiB",
        "",
        f"OK    {RAW}",
        "      5.0 Hz",
        "      50 received, 40 captioned, dropped: replaced 10",
        "      > a dog runs",
    ]


@pytest.mark.parametrize("width", [30, 80, 200])
def test_lines_fit_the_terminal(statuses, width):
    view = render(statuses, {RAW: "a dog " * 40}, width, colour=False)
    assert max(map(len, view.splitlines())) <= width


def test_before_anything_came_it_says_what_it_waits_for():
    assert "waiting" in render([], {}, 80, colour=True)


def test_into_a_pipe_it_prints_a_line_for_each_caption(tmp_path, photograph):
    client = Client(listening=False)
    node = Process("captioner_node", tmp_path / "node.log")
    watch = Process("captioner_watch", tmp_path / "watch.log")
    try:
        node.wait_for_log("captioning")
        # Watching is listening: the node works for it alone.
        while f"{RAW}: a" not in watch.log:
            client.send(photograph)
            client.spin_until(lambda: f"{RAW}: a" in watch.log, 2.0)
            assert node.alive and watch.alive
        assert watch.stop() == 0 and "\x1b" not in watch.log
    finally:
        watch.stop()
        assert node.stop() == 0
        client.close()
