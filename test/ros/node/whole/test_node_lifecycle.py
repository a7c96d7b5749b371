"""Lifecycle transitions again and again; LIFECYCLE_CYCLES sets how often, `make soak` far more."""

import os

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from ros_harness import Process

RAW = "/camera/image_raw"
CYCLES = int(os.environ.get("LIFECYCLE_CYCLES", "10"))
_SETTLED = max(4, CYCLES // 10)  # cycles until allocators have what they need


@pytest.fixture
def node(tmp_path):
    process = Process("captioner_node", tmp_path / "node.log", autostart=False)
    try:
        process.wait_for_log("waiting to be configured")
        yield process
    finally:
        assert process.stop() == 0
        assert "Traceback" not in process.log


def test_cycles_leave_no_memory_behind(node, client, photograph, marks):
    memory = []
    for cycle in range(CYCLES):
        assert client.transition("configure") and client.state() == "inactive"
        assert client.transition("activate") and client.state() == "active"
        if cycle % 5 == 0:
            client.caption_of(photograph)
        assert client.transition("deactivate") and client.transition("cleanup")
        assert client.state() == "unconfigured"
        memory.append(node.resident_mib)
    print(f"resident memory after each cycle, MiB: {[round(m) for m in memory]}")
    growth = 100 * (max(memory[-3:]) / max(memory[:_SETTLED]) - 1)
    marks(f"memory growth over {CYCLES} lifecycle cycles", growth, "%", at_most=2)
    assert max(memory[-3:]) < 1.02 * max(memory[:_SETTLED])


def test_activate_and_deactivate_ten_times(node, client, photograph):
    assert client.transition("configure")
    threads = []
    for _ in range(10):
        assert client.transition("activate") and client.transition("deactivate")
        threads.append(node.threads)
    assert threads[-1] < threads[0] + 5  # the worker has ended each time
    assert client.transition("activate")
    client.caption_of(photograph)


def test_a_camera_keeps_its_status_while_the_node_is_not_active(node, client):
    for label, state in (("configure", "inactive"), ("cleanup", "unconfigured")):
        assert client.transition(label)
        found = client.diagnosis(RAW, lambda s, state=state: f"the node is {state}" in s.message)
        assert found.level == DiagnosticStatus.OK


def test_a_bad_model_fails_ten_times_and_then_a_good_one_loads(node, client):
    client.set_parameters(model="/nowhere")
    for _ in range(10):
        assert not client.transition("configure") and client.state() == "unconfigured"
    client.set_parameters(model="")
    assert client.transition("configure")


@pytest.mark.parametrize("path", [[], ["configure"], ["configure", "activate"]])
def test_shutdown_from_every_state(tmp_path, client, path):
    process = Process("captioner_node", tmp_path / "node.log", autostart=False)
    try:
        process.wait_for_log("waiting to be configured")
        assert all(client.transition(label) for label in path)
        state = {0: "unconfigured", 1: "inactive", 2: "active"}[len(path)]
        assert client.transition(f"{state}_shutdown") and client.state() == "finalized"
    finally:
        assert process.stop() == 0


def test_a_transition_that_does_not_exist_here_is_refused(node, client):
    assert not client.transition("activate")
    assert client.state() == "unconfigured"
