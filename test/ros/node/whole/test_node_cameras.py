"""Cameras of the running node: added, removed, late, gone and back, unequal in rate; their QoS."""

import os
import threading

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy import get_rmw_implementation_identifier
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_harness import Client, Process
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from ros2_captioner.images.files import write_image
from ros2_captioner.ros.messages.images import jpeg_message, raw_message
from ros2_captioner.tools.fast_dds import profiles_variable

RAW, FRONT, REAR = "/camera/image_raw", "/front/image_raw", "/rear/image_raw"


def test_cameras_are_added_and_removed_without_a_restart(start, client, photograph):
    node = start(image_topics=[FRONT])
    node.wait_for_log("captioning")
    client.caption_of(photograph, FRONT)
    refused, _ = client.set_parameters(image_topics=[FRONT, REAR])
    assert not refused[0].successful and "deactivate" in refused[0].reason
    for topics in ([FRONT, REAR], [REAR], [REAR, FRONT]):
        assert client.transition("deactivate")
        for topic in (FRONT, REAR):
            assert client.spin_until(lambda topic=topic: not client.node.count_subscribers(topic))
        assert client.set_parameters(image_topics=topics)[0][0].successful
        assert client.transition("activate")
        for topic in topics:
            assert client.caption_of(photograph, topic)["camera"] == topic
        names = [name for name, _ in client.node.get_topic_names_and_types()]
        assert ("/rear/scene_caption" in names) == (len(topics) > 1)


def test_only_cameras_whose_captions_somebody_hears_are_captioned(start, photograph):
    start(image_topics=[FRONT, REAR]).wait_for_log("captioning")
    client = Client(listening=False)
    try:
        client.details = client.listen("/rear/scene_caption/detail")
        client.diagnosis(FRONT, lambda s: client.send(photograph, FRONT) and count(s, "received"))
        assert client.caption_of(photograph, REAR)["camera"] == REAR
        assert client.diagnosis(FRONT, lambda s: not count(s, "captioned"))
    finally:
        client.close()


def count(status, of):
    return int(next(value.value for value in status.values if value.key == of))


def test_a_camera_that_is_captioned_already_is_not_advised(start, client):
    client.node.create_publisher(Image, REAR, 5)
    node = start(image_topics=[FRONT, REAR])
    node.wait_for_log(
        f"nothing publishes {FRONT}; no other image topic is seen; start the camera\n"
    )


def test_a_camera_comes_late_vanishes_and_comes_back_as_another_type(start, client, photograph):
    node = start()
    node.wait_for_log(f"nothing publishes {RAW}")
    client.caption_of(photograph)
    client.vanish(RAW)
    status = client.diagnosis(RAW, lambda s: "nothing publishes" in s.message)
    assert "start the camera" in status.message
    client.details.clear()
    publisher = client.node.create_publisher(CompressedImage, RAW, 5)
    node.wait_for_log("carries CompressedImage")

    def captioned():
        publisher.publish(jpeg_message(photograph, client.header()))
        return client.spin_until(lambda: bool(client.details), 0.5)

    assert client.spin_until(captioned)


def test_a_slow_camera_is_not_starved_by_a_fast_one(start, client, photograph):
    fast = f"{FRONT}/compressed"
    node = start(image_topics=[fast, REAR])
    node.wait_for_log("captioning")
    client.caption_of(photograph, REAR)
    publisher = client.node.create_publisher(CompressedImage, fast, 5)
    message, over = jpeg_message(photograph, client.header()), threading.Event()

    def flood():
        while not over.wait(0.005):
            message.header = client.header()
            publisher.publish(message)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        assert client.spin_until(lambda: any(f'"{fast}"' in text for text in client.details))
        for _ in range(3):
            client.caption_of(photograph, REAR)
    finally:
        over.set()
        thread.join()


def reliability_of(infos):
    return [info.qos_profile.reliability for info in infos]


def test_qos_overrides_win_and_only_where_given(start, client, photograph):
    node = start(
        image_topics=[FRONT, REAR],
        **{
            f"qos_overrides.{FRONT}.subscription.reliability": "reliable",
            "qos_overrides./scene_caption.publisher.reliability": "best_effort",
        },
    )
    node.wait_for_log("captioning")
    client.node.create_publisher(Image, FRONT, 5)
    graph = client.node
    assert client.spin_until(lambda: graph.get_subscriptions_info_by_topic(FRONT))
    front = reliability_of(graph.get_subscriptions_info_by_topic(FRONT))
    rear = reliability_of(graph.get_subscriptions_info_by_topic(REAR))
    caption = reliability_of(graph.get_publishers_info_by_topic("/scene_caption"))
    assert front == [ReliabilityPolicy.RELIABLE] and rear == [ReliabilityPolicy.BEST_EFFORT]
    assert caption == [ReliabilityPolicy.BEST_EFFORT]
    # What was not overridden still follows its own parameter.
    assert client.transition("deactivate")
    client.set_parameters(image_reliability="reliable")
    assert client.transition("activate")

    def followed():
        infos = graph.get_subscriptions_info_by_topic(REAR)
        return reliability_of(infos) == [ReliabilityPolicy.RELIABLE]

    assert client.spin_until(followed)


def test_a_late_listener_gets_the_last_caption_where_that_was_asked_for(start, client, photograph):
    durability = "qos_overrides./scene_caption.publisher.durability"
    node = start(**{durability: "transient_local"})
    node.wait_for_log("captioning")
    caption = client.caption_of(photograph)["caption"]
    late = []
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    client.node.create_subscription(String, "/scene_caption", late.append, latched)
    assert client.spin_until(lambda: bool(late))
    assert late[0].data == caption


def test_a_misspelt_qos_policy_is_named(start, client):
    node = start(**{f"qos_overrides.{RAW}.subscription.reliabilty": "reliable"})
    node.wait_for_log("reliabilty; expected one of the policies")
    assert client.state() == "inactive"


@pytest.mark.parametrize(
    ("name", "value"),
    [(f"{RAW}.subscription.depth", 0), ("/scene_caption.publisher.depth", 2**63 - 1)],
)
def test_a_depth_out_of_range_is_told_what_it_may_be(name, value, start):
    node = start(**{f"qos_overrides.{name}": value})
    node.wait_for_log(f"qos_overrides.{name} is {value}; expected an integer, 1 to 2147483647, or")
    assert "Warning" not in node.log and "pybind" not in node.log


def test_a_negative_duration_is_told_what_it_may_be(start):
    name = "qos_overrides./scene_caption.publisher.lifespan"
    start(**{name: -3}).wait_for_log(f"{name} is -3; expected nanoseconds, 0 or more")


def test_the_ends_of_the_ranges_of_qos_policies_are_taken(start, client):
    prefix = f"qos_overrides.{RAW}.subscription"
    own = "qos_overrides./scene_caption.publisher"
    node = start(
        **{
            f"{prefix}.depth": 0,  # which keep_all ignores
            f"{prefix}.history": "keep_all",
            f"{prefix}.deadline": 2**63 - 1,
            f"{own}.depth": 2**31 - 1,
            f"{own}.lifespan": 0,
        }
    )
    node.wait_for_log("captioning")
    assert "Warning" not in node.log


def test_an_override_of_no_topic_of_the_node_is_told(start, client):
    used = "qos_overrides./scene_caption.publisher.depth"
    unused = "qos_overrides./scene_captoin.publisher.depth"
    node = start(**{used: 3, unused: 3})
    node.wait_for_log(f"{unused} is of no topic of this node")
    assert f"{used} is" not in node.log


@pytest.mark.parametrize("topic", [RAW, f"{RAW}/compressed"])
def test_a_camera_that_stops_is_asked_after_and_if_raw_its_size_too(
    topic, start, client, photograph
):
    node = start(image_topics=[topic])
    node.wait_for_log("captioning")
    client.caption_of(photograph, topic)
    said = f"{topic} has a publisher, but no frame has come for a while; is the camera well"
    client.diagnosis(topic, lambda s: s.message.startswith(said))
    node.wait_for_log(said)
    assert ("512 KB" in node.log) == (topic == RAW)
    arrives = f"frames of {topic} arrive"
    assert arrives not in node.log
    assert client.spin_until(lambda: client.send(photograph, topic) and arrives in node.log)


@pytest.mark.skipif(
    "fastrtps" not in get_rmw_implementation_identifier(), reason="others lose no large frames"
)
def test_frames_that_are_lost_on_the_way_are_told(start, client, tmp_path, monkeypatch):
    node = start()
    node.wait_for_log("captioning")
    monkeypatch.delenv(profiles_variable())
    wide = tmp_path / "wide.png"
    write_image(wide, np.zeros((720, 1280, 3), np.uint8))
    log = tmp_path / "camera.log"
    camera = Process("captioner_image_player", log, source=str(wide), max_side=0, rate_hz=30.0)
    try:
        status = client.diagnosis(RAW, lambda s: s.level == DiagnosticStatus.WARN)
        said = f"many frames of {RAW} are lost on the way"
        assert status.message.startswith(said) and "publish JPEG, or start it" in status.message
        assert count(status, "lost on the way")
        node.wait_for_log(said)
    finally:
        camera.stop()


def test_a_camera_that_is_found_late_is_not_told_to_be_started(start, client, photograph):
    """Fast DDS takes up to six seconds."""
    node = start()
    node.wait_for_log("captioning")
    client.spin_until(lambda: False, 5.0)
    client.caption_of(photograph)
    assert "nothing publishes" not in node.log


def test_a_senseless_qos_override_is_named_and_leaves_the_node_inactive(start, client):
    node = start(**{f"qos_overrides.{RAW}.subscription.reliability": "perhaps"})
    node.wait_for_log("cannot activate: qos_overrides")
    assert "expected" in node.log and client.state() == "inactive"


FAKE_BONDPY = """
from std_msgs.msg import String

class Bond:
    def __init__(self, node, topic, name):
        self.say("made", topic, name)
        self.node, self.pub = node, node.create_publisher(String, topic, 1)
    def set_heartbeat_period(self, seconds): self.say("period", seconds)
    def set_heartbeat_timeout(self, seconds): self.say("timeout", seconds)
    def start(self):
        self.say("start")
        self.sub = self.node.create_subscription(String, self.pub.topic_name, print, 1)
    def break_bond(self): self.say("break_bond")
    def shutdown(self):
        self.say("shutdown")
        self.sub.destroy()
        self.pub.destroy()
    def say(self, *words): print("bond", *words, flush=True)
"""


@pytest.fixture
def bondpy(tmp_path, monkeypatch):
    """A bondpy for the node that says what it is told."""
    package = tmp_path / "modules" / "bondpy"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "bondpy.py").write_text(FAKE_BONDPY)
    monkeypatch.setenv("PYTHONPATH", str(package.parent), prepend=os.pathsep)


def test_a_managed_node_bonds_where_bondpy_is_installed(start, client, bondpy):
    node = start(autostart=False, bond_heartbeat_period=0.2)
    node.wait_for_log("waiting")
    assert client.transition("configure") and client.transition("activate")
    for line in ("bond made bond captioner", "bond period 0.2", "bond start"):
        node.wait_for_log(line)
    assert "break_bond" not in node.log
    assert client.transition("deactivate")
    assert "bond break_bond\nbond shutdown" in node.log
    assert client.transition("activate") and client.transition("deactivate")


@pytest.mark.parametrize("managed", [False, True])
def test_no_bond_is_formed_where_nobody_manages_the_node_or_none_is_wanted(
    start, client, bondpy, managed
):
    node = start(autostart=not managed, bond_heartbeat_period=0.1 * (not managed))
    if managed:
        node.wait_for_log("waiting")
        assert client.transition("configure") and client.transition("activate")
    node.wait_for_log("captioning")
    assert "bond" not in node.log


def test_without_bondpy_the_managed_node_works_all_the_same(start, client, photograph):
    node = start(autostart=False)
    node.wait_for_log("waiting")
    assert client.transition("configure") and client.transition("activate")
    node.wait_for_log("sudo apt install ros-$ROS_DISTRO-bondpy")
    client.caption_of(photograph)


@pytest.mark.parametrize(
    ("policy", "value", "cause"),
    [("durability", "transient_local", "volatile"), ("deadline", 1_000_000, "deadline")],
)
def test_a_qos_that_cannot_match_is_named_and_not_the_size_of_frames(
    policy, value, cause, start, client
):
    override = {f"qos_overrides.{RAW}.subscription.{policy}": value}
    node = start(image_reliability="reliable", **override)  # the publisher is reliable too
    node.wait_for_log("captioning")
    client.node.create_publisher(Image, RAW, 5)
    node.wait_for_log("published with a QoS that the subscription does not take")
    assert cause in node.log.lower() and "; fix qos_overrides" in node.log
    assert "512 KB" not in node.log and "ERROR" not in node.log


def test_frames_that_were_published_before_are_had_as_the_log_says(start, client, photograph):
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    camera = client.node.create_publisher(Image, RAW, latched)
    camera.publish(raw_message(photograph, client.header()))
    node, asked = start(), f"qos_overrides.{RAW}.subscription"
    node.wait_for_log(f"-p {asked}.durability:=transient_local -p {asked}.reliability:=reliable")
    assert "512 KB" not in node.log
    assert node.stop() == 0
    overrides = {f"{asked}.durability": "transient_local", f"{asked}.reliability": "reliable"}
    start(max_frame_age_s=0.0, **overrides)
    assert client.spin_until(lambda: bool(client.details))


def test_diagnostics_take_overrides_too(start, client):
    used = "qos_overrides./diagnostics.publisher.reliability"
    node = start(**{used: "best_effort"})
    node.wait_for_log("captioning")
    graph = client.node
    assert client.spin_until(lambda: graph.get_publishers_info_by_topic("/diagnostics"))
    found = reliability_of(graph.get_publishers_info_by_topic("/diagnostics"))
    assert found == [ReliabilityPolicy.BEST_EFFORT]
    assert used not in node.log
