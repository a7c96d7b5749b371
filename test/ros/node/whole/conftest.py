"""The node as a process of its own."""

import pytest
from ros_harness import Process


@pytest.fixture
def start(tmp_path):
    """Start the node with remappings and parameters; it must end cleanly after the test."""
    processes = []

    def _start(remaps=(), **parameters):
        processes.append(Process("captioner_node", tmp_path / "node.log", remaps, **parameters))
        return processes[-1]

    yield _start
    for process in processes:
        assert process.stop() == 0
        assert "Traceback" not in process.log
