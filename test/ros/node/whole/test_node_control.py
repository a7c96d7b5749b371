"""Services, demand, the scene gate, overlay and diagnostics of the running node."""

import numpy as np
import pytest
from bundles import manifest_of
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.qos import qos_profile_sensor_data
from ros_harness import BROKEN_IMAGES, Client, running_node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from ros2_captioner.images.conversion import compressed_to_rgb, image_to_rgb

RAW = "/camera/image_raw"


@pytest.fixture
def quiet_client():
    """Subscribes to no caption."""
    client = Client(listening=False)
    yield client
    client.close()


@pytest.fixture
def node(tmp_path):
    with running_node(tmp_path) as process:
        yield process


def ask(client):
    return client.call(Trigger, "/captioner/caption", Trigger.Request())[0]


def enable(client, on):
    return client.call(SetBool, "/captioner/enable", SetBool.Request(data=on))[0]


def values(status):
    return {value.key: value.value for value in status.values}


def deliver(client, frame, more_than=0):
    """Send a frame until the node has received it; those before discovery may be lost."""

    def received(status):
        client.send(frame)
        return int(values(status)["received"]) > more_than

    client.diagnosis(RAW, received)


def test_caption_service_answers_while_disabled(node, client, captioner, photograph):
    client.caption_of(photograph)
    assert enable(client, False).success
    client.details.clear()
    client.set_parameters(max_frame_age_s=0.0)
    other = np.ascontiguousarray(photograph[:, ::-1])
    deliver(client, other, more_than=1)
    assert not client.details
    response = ask(client)
    assert response.success
    assert response.message == captioner.caption([other]).captions[0].text
    assert enable(client, True).success
    client.caption_of(photograph)


def test_caption_service_says_why_it_cannot(node, client, photograph):
    assert ask(client).message.startswith("no frame has come yet")
    client.caption_of(photograph)
    broken = BROKEN_IMAGES["short_data"]
    broken.header = client.header()
    client.publish(RAW, broken)
    node.wait_for_log("refused as short_data")
    response = ask(client)
    assert not response.success and "expected" in response.message
    client.caption_of(photograph)
    client.set_parameters(max_frame_age_s=0.000001)
    assert "no frame newer than" in ask(client).message
    client.transition("deactivate")
    assert "lifecycle set" in ask(client).message


def test_nothing_is_captioned_while_nobody_listens(node, quiet_client, photograph):
    client = quiet_client
    deliver(client, photograph)
    status = client.diagnosis("model", lambda s: "nobody subscribes" in s.message)
    assert status.level == DiagnosticStatus.OK
    assert values(client.diagnosis(RAW, lambda s: True))["captioned"] == "0"
    assert client.set_parameters(always_on=True)[0][0].successful
    client.set_parameters(max_frame_age_s=0.0)
    client.send(photograph)
    client.diagnosis(RAW, lambda s: values(s)["captioned"] != "0")


def test_nothing_is_captioned_for_overlays_that_are_not_drawn(node, quiet_client, photograph):
    client = quiet_client
    assert client.set_parameters(publish_overlay=False, max_frame_age_s=0.0)[0][0].successful
    drawn = client.receive(CompressedImage, "/captioner/overlay/compressed")
    client.spin_until(lambda: client.node.count_publishers("/captioner/overlay/compressed"))
    deliver(client, photograph)
    client.diagnosis("model", lambda s: "nobody subscribes" in s.message)
    assert client.set_parameters(publish_overlay=True)[0][0].successful
    assert client.spin_until(lambda: drawn)


def test_a_still_scene_is_captioned_once(node, client, photograph, second_photograph):
    client.set_parameters(scene_change_threshold=0.02, max_silence_s=0.0)
    client.caption_of(photograph)
    for _ in range(5):
        client.send(photograph)
        client.spin_until(lambda: False, 0.2)
    still = client.diagnosis(RAW, lambda s: "dropped: unchanged" in values(s))
    assert still.level == DiagnosticStatus.OK and int(values(still)["dropped: unchanged"]) >= 1
    assert len(client.details) == 1
    client.caption_of(second_photograph)


def test_overlay_keeps_the_header_and_shows_the_caption(node, client, photograph):
    raw = client.receive(Image, "/captioner/overlay")
    compressed = client.receive(CompressedImage, "/captioner/overlay/compressed")
    detail = client.caption_of(photograph, frame_id="front")
    assert client.spin_until(lambda: raw and compressed)
    assert raw[-1].header.frame_id == compressed[-1].header.frame_id == "front"
    stamps = [{"sec": m.header.stamp.sec, "nanosec": m.header.stamp.nanosec} for m in raw]
    assert detail["stamp"] in stamps
    picture = image_to_rgb(raw[-1])
    assert (picture[:300] == photograph[:300]).all()
    assert (picture[-40:].min(axis=2) > 200).any()
    assert compressed_to_rgb(compressed[-1]).shape == photograph.shape
    client.set_parameters(publish_attention=True)
    client.caption_of(photograph)
    assert client.spin_until(lambda: image_to_rgb(raw[-1]).shape != photograph.shape)


def test_diagnostics_count_refusals_by_reason(node, client, photograph):
    client.caption_of(photograph)
    for reason, message in BROKEN_IMAGES.items():
        message.header = client.header()
        client.publish(RAW, message)
        node.wait_for_log(f"refused as {reason}")
    everything = {f"dropped: {reason}" for reason in BROKEN_IMAGES}
    status = client.diagnosis(RAW, lambda s: everything <= set(values(s)))
    assert values(status)["last error"]
    client.caption_of(photograph)
    client.diagnosis(RAW, lambda s: s.level == DiagnosticStatus.OK)
    model = values(client.diagnosis("model", lambda s: values(s)["latency p95 (ms)"]))
    assert model["precision"] == "int8" and float(model["latency p50 (ms)"]) > 0


def test_a_camera_that_nobody_publishes_is_named_with_the_remedy(node, client):
    client.node.create_publisher(Image, "/other/image_raw", 5)
    node.wait_for_log(f"nothing publishes {RAW}; set image_topics to some of ['/other/image_raw']")
    status = client.diagnosis(RAW, lambda s: s.level == DiagnosticStatus.STALE)
    assert "set image_topics" in status.message


def test_an_overlay_is_no_camera_but_a_camera_may_be_named_so(node, client):
    for topic in ("/overlay_camera/image_raw", "/other/overlay", "/other/overlay/compressed"):
        kind = CompressedImage if topic.endswith("compressed") else Image
        client.node.create_publisher(kind, topic, 5)
    node.wait_for_log(f"nothing publishes {RAW}; set image_topics to some of ['/overlay_camera/")
    assert "/other/overlay" not in node.log


def test_a_topic_of_another_type_is_named(node, client):
    client.node.create_publisher(String, RAW, 5)
    node.wait_for_log("carries ['std_msgs/msg/String']; expected one of")


def test_reliability_that_cannot_match_is_named(start, client):
    process = start(image_reliability="reliable")
    process.wait_for_log("captioning")
    client.node.create_publisher(Image, RAW, qos_profile_sensor_data)
    process.wait_for_log("set image_reliability to best_effort")


def test_raw_frames_that_do_not_come_are_explained(node, client):
    client.node.create_publisher(Image, RAW, 5)
    node.wait_for_log("Raw frames above 512 KB")


def test_the_search_is_that_of_the_bundle_where_nobody_set_it(start, client, bundle_copy):
    with manifest_of(bundle_copy) as manifest:
        manifest["decoding"] |= {"beam_width": 4, "length_penalty": 0.25, "num_alternatives": 1}

    def values():
        request = GetParameters.Request(names=["beam_width", "length_penalty"])
        response, _ = client.call(GetParameters, "/captioner/get_parameters", request)
        return response.values[0].integer_value, response.values[1].double_value

    start(model=str(bundle_copy), length_penalty=2.0).wait_for_log("captioning")
    assert values() == (4, 2.0)
    assert client.transition("deactivate") and client.transition("cleanup")
    client.set_parameters(model="")
    assert client.transition("configure") and values() == (3, 2.0)
    client.set_parameters(beam_width=1, num_alternatives=0)
    assert client.transition("cleanup")
    client.set_parameters(model=str(bundle_copy))
    assert client.transition("configure") and values() == (1, 2.0)


def test_an_empty_list_keeps_its_type(node, client):
    request = GetParameters.Request(names=["banned_words"])
    response, _ = client.call(GetParameters, "/captioner/get_parameters", request)
    assert response.values[0].type == ParameterType.PARAMETER_STRING_ARRAY


def test_the_switch_says_what_else_keeps_the_node_from_captioning(node, quiet_client):
    client = quiet_client
    assert enable(client, True).message.startswith("enabled, but nobody subscribes")
    assert client.transition("deactivate")
    for on, said in ((False, "disabled"), (True, "enabled")):
        assert enable(client, on).message == (
            f"{said}, but the node is inactive; type: ros2 lifecycle set /captioner activate"
        )
    assert client.transition("cleanup")
    assert "the node is unconfigured; type: " in enable(client, True).message


def test_a_node_that_was_shut_down_says_so(node, client):
    assert client.transition("active_shutdown")
    status = client.diagnosis("model", lambda s: s.level == DiagnosticStatus.WARN)
    assert status.message == ask(client).message == "the node was shut down; start it again"
    assert enable(client, True).message == f"enabled, but {status.message}"


def test_a_value_of_the_wrong_type_is_refused_with_what_was_expected(node, client):
    results, _ = client.set_parameters(beam_width="5", always_on=1, num_alternatives=2.5)
    assert [result.reason for result in results] == [
        "beam_width is '5'; expected integer from 1 to 16",
        "always_on is 1; expected bool",
        "num_alternatives is 2.5; expected integer from 0 to 15",
    ]


def test_a_parameter_cannot_be_deleted(node, client):
    names = ("banned_words", "beam_width")
    request = SetParameters.Request(parameters=[ParameterMessage(name=name) for name in names])
    response, _ = client.call(SetParameters, "/captioner/set_parameters", request)
    assert [(result.successful, result.reason) for result in response.results] == [
        (False, "banned_words cannot be deleted; expected string_array"),
        (False, "beam_width cannot be deleted; expected integer from 1 to 16"),
    ]
    assert client.set_parameters(banned_words=["dog"])[0][0].successful
