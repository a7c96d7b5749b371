"""Fixtures shared by all tests; ROS traffic stays on this machine, in a domain of its own."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from ros2_captioner.bundle import DEFAULT_BUNDLE
from ros2_captioner.captioner import Captioner

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

ROOT = Path(__file__).parents[1]
# The tests publish raw 640x480 frames, which the default profile of Fast DDS loses.
_PROFILE_VARIABLE = {"jazzy": "FASTRTPS_DEFAULT_PROFILES_FILE"}.get(
    os.environ.get("ROS_DISTRO", ""), "FASTDDS_DEFAULT_PROFILES_FILE"
)
os.environ[_PROFILE_VARIABLE] = str(ROOT / "config/fastdds_large_images.xml")


@pytest.fixture(scope="session")
def captioner():
    """The shipped model on a CPU."""
    return Captioner.load(device="cpu")


@pytest.fixture
def bundle_copy(tmp_path):
    """A copy of the shipped bundle whose files may be replaced; links keep it quick."""
    target = tmp_path / "bundle"
    shutil.copytree(DEFAULT_BUNDLE, target, copy_function=_link)
    return target


def _link(source, target):
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


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
