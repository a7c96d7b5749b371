"""Names of the running node: remapped once, and topics that no two cameras share."""

import json

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from ros_harness import Process
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

LEFT, RIGHT = "/stereo/left", "/stereo/right"


def test_each_remapping_is_applied_once(start, client, photograph):
    """left and right change places, and first becomes second while second becomes third."""
    node = start(
        [f"{LEFT}:={RIGHT}", f"{RIGHT}:={LEFT}", "/first:=/second", "/second:=/third"],
        image_topics=[LEFT, RIGHT, "/first"],
    )
    node.wait_for_log(f"captioning {RIGHT}, {LEFT}, /second\n")
    for topic in (LEFT, RIGHT, "/second"):
        own = client.listen(f"{topic}/scene_caption/detail")
        detail = client.caption_of(photograph, topic)
        assert detail["camera"] == topic
        assert client.spin_until(lambda own=own: bool(own))
        assert {json.loads(text)["camera"] for text in own} == {topic}
    assert "nothing publishes" not in client.diagnosis(LEFT, lambda s: True).message


def test_cameras_of_one_namespace_have_topics_of_their_own(
    start, client, photograph, second_photograph
):
    node = start(image_topics=[LEFT, RIGHT, "/rear/image_raw"])
    node.wait_for_log("captioning")
    sentences = {topic: client.listen(f"{topic}/scene_caption") for topic in (LEFT, RIGHT, "/rear")}
    overlay = client.receive(Image, f"{RIGHT}/scene_caption/overlay")
    left = client.caption_of(photograph, LEFT)["caption"]
    right = client.caption_of(second_photograph, RIGHT, frame_id="right")["caption"]
    assert left != right
    assert client.spin_until(lambda: sentences[LEFT] and sentences[RIGHT] and overlay)
    assert set(sentences[LEFT]) == {left} and set(sentences[RIGHT]) == {right}
    assert not sentences["/rear"]
    assert {message.header.frame_id for message in overlay} == {"right"}


def test_a_failed_start_is_an_error_with_the_next_command_and_the_own_name(start, client):
    node = start(
        ["__node:=eyes", "__ns:=/robot"],
        **{"qos_overrides./robot/scene_caption.publisher.reliability": "perhaps"},
    )
    node.wait_for_log("cannot configure: qos_overrides of /robot/scene_caption")
    status = client.diagnosis("robot/eyes: model", lambda s: s.level == DiagnosticStatus.ERROR)
    assert "cannot configure: qos_overrides" in status.message and "expected" in status.message
    assert status.name == "robot/eyes: model"
    answer, _ = client.call(Trigger, "/robot/eyes/caption", Trigger.Request())
    assert not answer.success and "cannot configure: qos_overrides" in answer.message
    assert answer.message.endswith("type: ros2 lifecycle set /robot/eyes configure")


@pytest.mark.parametrize(
    ("remaps", "topic"),
    [
        (["scene_caption:=/camera/image_raw"], "/camera/image_raw"),
        (["/diagnostics:=/camera/image_raw"], "/camera/image_raw"),
        ([], "/captioner/overlay"),
    ],
)
def test_what_the_node_publishes_is_no_camera_of_it(remaps, topic, start, client):
    node = start(remaps, image_topics=["/front/image_raw", topic])
    node.wait_for_log(f"cannot configure: {topic} is an image topic and an output of this node")
    assert client.state() == "unconfigured"


def test_a_remapped_overlay_is_no_camera_either(start, client):
    node = start(["~/overlay:=/seen", "~/overlay/compressed:=/small"])
    client.node.create_publisher(Image, "/other/image_raw", 5)
    node.wait_for_log(
        "nothing publishes /camera/image_raw; set image_topics to some of ['/other/image_raw']\n"
    )


def test_a_camera_shares_no_topic_with_all_even_where_those_are_remapped(start, client, photograph):
    node = start(["scene_caption:=words"], image_topics=["/left", "/front/image_raw"])
    node.wait_for_log("captioning")
    own = client.listen("/left/scene_caption")
    client.caption_of(photograph, "/left")
    assert client.spin_until(lambda: bool(own))
    for topic in ("/words", "/scene_caption/detail", "/left/scene_caption"):
        assert len(client.node.get_publishers_info_by_topic(topic)) == 1


def test_outputs_that_a_remapping_puts_on_one_topic_are_named(start, client):
    node = start(
        ["/front/scene_caption:=/rear/scene_caption"],
        image_topics=["/front/image_raw", "/rear/image_raw"],
    )
    node.wait_for_log(
        "cannot configure: 2 outputs of this node are published on /rear/scene_caption"
    )
    assert client.state() == "unconfigured"


@pytest.mark.parametrize(
    ("rule", "topic"),
    [
        ("/diagnostics:=/scene_caption", "/scene_caption"),
        ("/diagnostics:=/captioner/overlay", "/captioner/overlay"),
        ("scene_caption:=/captioner/overlay", "/captioner/overlay"),  # of another type
        ("scene_caption:=/rosout", "/rosout"),
        ("scene_caption/detail:=/captioner/transition_event", "/captioner/transition_event"),
    ],
)
def test_what_every_node_publishes_shares_no_topic_either(rule, topic, start, client):
    node = start([rule])
    node.wait_for_log(f"cannot configure: 2 outputs of this node are published on {topic}; exp")
    assert client.state() == "unconfigured"


def test_diagnostics_on_a_topic_of_every_node_are_refused_at_once(tmp_path):
    node = Process("captioner_node", tmp_path / "node.log", ["/diagnostics:=/parameter_events"])
    assert node.exit_status() == 1
    assert node.log.startswith("error: 2 outputs of this node are published on /parameter_events")
    assert node.log.count("\n") == 1
