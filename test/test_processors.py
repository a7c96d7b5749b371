"""Processors that a machine has and a process has not."""

import os

import pytest

from ros2_captioner import processors
from ros2_captioner.processors import own_processors, runtime_threads


@pytest.fixture
def limited(monkeypatch, tmp_path):
    """On a machine of eight processors, with cgroups from files by their paths."""

    def limit(own_groups="", files=(), affinity=8, openmp="", present="0-7\n"):
        monkeypatch.setattr(os, "cpu_count", lambda: 8)
        monkeypatch.setattr(
            os, "sched_getaffinity", lambda process: set(range(affinity)), raising=False
        )
        monkeypatch.setenv("OMP_NUM_THREADS", openmp)
        (tmp_path / "own").write_text(own_groups)
        (tmp_path / "present").write_text(present)
        for name, text in dict(files).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        monkeypatch.setattr(processors, "_GROUPS", tmp_path / "cgroup")
        monkeypatch.setattr(processors, "_OWN_GROUPS", tmp_path / "own")
        monkeypatch.setattr(processors, "_PRESENT", tmp_path / "present")

    return limit


@pytest.mark.parametrize(
    ("own_groups", "files", "expected"),
    [
        ("0::/\n", {}, 8),
        ("0::/\n", {"cgroup/cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cgroup/cpu.max": "250000 100000\n"}, 2),
        ("0::/\n", {"cgroup/cpu.max": "50000 100000\n"}, 1),
        (
            "0::/robot.slice/captioner.service\n",
            {
                "cgroup/robot.slice/captioner.service/cpu.max": "600000 100000\n",
                "cgroup/robot.slice/cpu.max": "400000 100000\n",
            },
            4,
        ),
        (
            "3:cpuset:/\n2:cpu,cpuacct:/docker/4f\n1:name=systemd:/a:b\n",
            {
                "cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000\n",
                "cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            "1:cpu:/\n",
            {"cgroup/cpu/cpu.cfs_quota_us": "-1\n", "cgroup/cpu/cpu.cfs_period_us": "100000\n"},
            8,
        ),
    ],
    ids=["none", "no quota", "quota", "half", "of a slice", "in a container, version 1", "none, 1"],
)
def test_quotas_of_cgroups_count(limited, own_groups, files, expected):
    limited(own_groups, files)
    assert own_processors() == expected


def test_without_cgroups_affinity_counts(limited, tmp_path):
    limited(affinity=3)
    (tmp_path / "own").unlink()
    assert own_processors() == 3


@pytest.mark.parametrize(
    ("affinity", "openmp", "threads"),
    [
        (8, "", 0),
        (2, "", 2),
        (8, "1", 1),
        (2, "4", 2),
        (8, "4,2", 0),
        (2, "0", 2),
        (8, "9" * 20, 8),
    ],
)
def test_runtimes_take_what_is_granted(limited, affinity, openmp, threads):
    limited(affinity=affinity, openmp=openmp)
    assert runtime_threads() == threads


@pytest.mark.parametrize(
    ("present", "threads"), [("0-7\n", 0), ("0-11\n", 8), ("0,2-9\n", 8), ("\n", 0)]
)
def test_processors_that_are_switched_off_get_no_threads(limited, present, threads):
    limited(present=present)
    assert runtime_threads() == threads
