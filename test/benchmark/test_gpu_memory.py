"""GPU memory, read from a stand-in for nvidia-smi."""

import pytest

from ros2_captioner.benchmark.gpu_memory import gpu_memory_mib


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    def install(output, status=0):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\nprintf '{output}'\nexit {status}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return install


def test_a_process_on_two_gpus_among_others(nvidia_smi):
    nvidia_smi(r"12, 300\n7, 512\n7, 100\n")
    assert gpu_memory_mib(7) == 612


@pytest.mark.parametrize("output", ["", r"12, 300\n", r"7, [N/A]\n"])
def test_what_the_driver_does_not_tell_is_not_made_up(nvidia_smi, output):
    nvidia_smi(output)
    assert gpu_memory_mib(7) is None


def test_a_failing_driver(nvidia_smi):
    nvidia_smi("NVIDIA-SMI has failed", 9)
    assert gpu_memory_mib(7) is None


def test_no_driver_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_memory_mib(7) is None
