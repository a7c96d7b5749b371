"""The name of a variable that changed between distributions."""

import pytest

from ros2_captioner.tools.fast_dds import profiles_variable


@pytest.mark.parametrize(
    ("distribution", "name"),
    [("humble", "FASTRTPS"), ("jazzy", "FASTRTPS"), ("kilted", "FASTDDS"), (None, "FASTDDS")],
)
def test_the_variable_is_that_of_the_distribution(monkeypatch, distribution, name):
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    if distribution:
        monkeypatch.setenv("ROS_DISTRO", distribution)
    assert profiles_variable() == f"{name}_DEFAULT_PROFILES_FILE"
