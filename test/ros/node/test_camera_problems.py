"""What is said of a camera whose frames do not come; test_node_cameras.py hears it of the node."""

from types import SimpleNamespace

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from ros2_captioner.command_line.installing import share_file
from ros2_captioner.ros.node.camera_problems import CameraProblems
from ros2_captioner.stream.statistics import Statistics

CAMERA = "/camera/image_raw"
RELIABLE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture
def statistics(clock):
    return Statistics([CAMERA])


@pytest.fixture
def found(statistics):
    """What is found with these QoS profiles of publishers and the subscription's own."""

    def find(*published, kind=Image, qos=BEST_EFFORT):
        publishers = [
            SimpleNamespace(topic_type=f"sensor_msgs/msg/{kind.__name__}", qos_profile=each)
            for each in published
        ]
        return CameraProblems(None, CAMERA, qos, statistics).found(kind, publishers)

    return find


def test_a_publisher_that_matches_is_enough(found):
    assert found(BEST_EFFORT, RELIABLE, qos=RELIABLE) == ""
    assert "set image_reliability to best_effort" in found(BEST_EFFORT, qos=RELIABLE)
    assert "image_reliability" not in found(RELIABLE, qos=KEPT)


@pytest.mark.parametrize(("kind", "size_matters"), [(Image, True), (CompressedImage, False)])
def test_frames_are_called_too_large_only_where_they_are_raw(
    kind, size_matters, found, statistics, clock
):
    clock.now_s += 3
    assert found(RELIABLE, kind=kind) == ""
    clock.now_s += 1
    never = found(RELIABLE, kind=kind)
    assert ("no frame comes. Raw frames above 512 KB" in never) is size_matters
    statistics.received(CAMERA)
    statistics.lost(CAMERA, 1)
    lossy = found(RELIABLE, kind=kind)
    assert "are lost on the way" in lossy and ("publish JPEG" in lossy) is size_matters
    assert share_file("config/fastdds_large_images.xml") in lossy
    clock.now_s += 6
    stopped = found(RELIABLE, kind=kind)
    assert "has come for a while; is the camera well" in stopped
    assert ("512 KB" in stopped) is size_matters


def test_a_slow_camera_has_stopped_after_three_of_its_periods(found, statistics, clock):
    for _ in range(3):
        statistics.received(CAMERA)
        clock.now_s += 10
    clock.now_s += 20
    assert found(RELIABLE) == ""
    clock.now_s += 1
    assert "for a while" in found(RELIABLE)


def test_frames_that_a_camera_keeps_are_to_be_asked_for_once(found, clock):
    clock.now_s += 4
    assert f"-p qos_overrides.{CAMERA}.subscription.durability:=transient_local" in found(KEPT)
    assert "Raw frames" in found(KEPT, qos=KEPT)
