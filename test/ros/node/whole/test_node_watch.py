"""What the node's watch says in the log, on a stand-in for the node."""

from types import SimpleNamespace

import pytest

from ros2_captioner.ros.node.node import CaptionerNode


@pytest.fixture
def node():
    lines = []
    node = SimpleNamespace(
        lines=lines,
        get_logger=lambda: SimpleNamespace(warning=lines.append, error=lines.append),
        _duplicate=SimpleNamespace(inspect=lambda: None),
        _cameras=[],
        _captioner=SimpleNamespace(trouble=""),
        _worker=SimpleNamespace(hangs_s=0.0),
        _trouble_reported="",
        _hang_reported=False,
    )
    node._report_hang = lambda: CaptionerNode._report_hang(node)
    node.watch = lambda: CaptionerNode._watch(node)
    return node


def test_each_hang_is_said_once(node):
    for hangs_s in (1.6, 2.0, 0.0, 1.7, 2.1):
        node._worker.hangs_s = hangs_s
        node.watch()
    assert node.lines == [f"one batch has taken {hangs_s} s so far" for hangs_s in (1.6, 1.7)]


def test_a_runtime_that_fails_and_works_again_is_said_once(node):
    for trouble in ("the device is lost", "the device is lost", "", ""):
        node._captioner.trouble = trouble
        node.watch()
    assert node.lines == ["the device is lost", "the runtime works again"]
    node._captioner.trouble = "the device is lost"
    node.watch()
    node._captioner = None  # unloading mends nothing
    node.watch()
    assert node.lines[2:] == ["the device is lost"]
