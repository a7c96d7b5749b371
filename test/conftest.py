"""Fixtures shared by all tests; ROS traffic stays on this machine, in a domain of its own."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ros2_captioner.captioner import Captioner
from ros2_captioner.tools.fast_dds import profiles_variable

ROOT = Path(__file__).parents[1]
# Helpers that tests import by name. Humble's pytest knows no setting for this.
sys.path[:0] = [str(ROOT), *map(str, (ROOT / "test/support").iterdir())]
from bundles import copy_bundle  # noqa: E402
from ros_domain import claim_domain, free_shared_memory  # noqa: E402

_domain, _lock = claim_domain()
os.environ["ROS_DOMAIN_ID"] = str(_domain)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
if os.environ.get("ROS_DISTRO") == "humble":  # which knows no discovery range; others warn of it
    os.environ["ROS_LOCALHOST_ONLY"] = "1"
# colcon test collects everything; what needs torch or ROS is left out where there is none.
_NEEDS = {"training": "torch", "ros": "rclpy", "benchmark/test_node_benchmark.py": "rclpy",
          "stream/test_detail.py": "rclpy"}  # fmt: skip
collect_ignore = [path for path, need in _NEEDS.items() if not importlib.util.find_spec(need)]
# The tests publish raw 640x480 frames, which the default profile of Fast DDS loses.
os.environ[profiles_variable()] = str(ROOT / "config/fastdds_large_images.xml")


def pytest_make_parametrize_id(val):
    """A long value is named by its head: on a line of 64 KiB, as old pytests make, colcon hangs."""
    return f"{val[:40]!r}..." if isinstance(val, (str, bytes)) and len(val) > 500 else None


@pytest.fixture(autouse=True)
def _shared_memory():
    free_shared_memory()


@pytest.fixture(scope="session")
def captioner():
    """The shipped model on a CPU."""
    captioner = Captioner.load(device="cpu")
    yield captioner
    assert not captioner.trouble  # another runtime would have taken over unseen


@pytest.fixture
def bundle_copy(tmp_path):
    """A copy of the shipped bundle whose files may be replaced."""
    return copy_bundle(tmp_path / "bundle")


@pytest.fixture(scope="session")
def photograph():
    """A synthetic scene, uint8 [480, 640, 3] RGB: sky, grass and a dark blob."""
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:240] = (110, 160, 230)
    picture[240:] = (60, 140, 50)
    rows, columns = np.ogrid[:480, :640]
    picture[(rows - 300) ** 2 / 2 + (columns - 320) ** 2 / 6 < 2500] = (60, 40, 30)
    noise = np.random.default_rng(0).integers(-12, 12, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def second_photograph(photograph):
    """Another scene that gives another caption: the first turned and with its colours swapped."""
    return np.ascontiguousarray(photograph[::-1, :, ::-1])


@pytest.fixture
def clock(monkeypatch):
    """Monotonic time, in ``now_s``: it stands until the test moves it."""
    clock = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr("time.monotonic", lambda: clock.now_s)
    return clock


@pytest.fixture
def client():
    """A ROS node in the test's process that listens to the captions."""
    from ros_harness import Client  # here: training's tests run where rclpy is not installed

    client = Client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def _marks():
    """Figures of the session; MARKS_FILE names where they are written."""
    found = []
    yield found
    if "MARKS_FILE" in os.environ:
        Path(os.environ["MARKS_FILE"]).write_text(json.dumps(found, indent=2), encoding="utf-8")


@pytest.fixture
def marks(_marks):
    """Note a figure: ``marks(name, value, unit, at_most=...)`` or ``at_least=...``.

    With MARKS_FILE, as in `make soak`, a limit that is not kept fails the test once all its figures
    are noted. Short runs on a busy machine measure too little for that; they assert what is exact.
    """
    failed = []

    def note(name, value, unit, at_most=None, at_least=None):
        good = value <= at_most if at_least is None else value >= at_least
        threshold = at_most if at_least is None else at_least
        mark = {"name": name, "value": value, "unit": unit, "threshold": threshold, "pass": good}
        print(mark)
        _marks.append(mark)
        if not good:
            failed.append(mark)

    yield note
    if "MARKS_FILE" in os.environ:
        assert not failed, f"limits not kept: {failed}"
