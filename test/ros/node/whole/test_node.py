"""The node as a process of its own, driven from this process over real ROS."""

import json
import signal
import time
from statistics import median

import pytest
from ros_harness import BROKEN_IMAGES, BROKEN_JPEGS, Process
from sensor_msgs.msg import CompressedImage

from ros2_captioner.ros import from_wheels
from ros2_captioner.ros.messages.images import jpeg_message

RAW, JPEG = "/camera/image_raw", "/jpeg_camera/image_raw/compressed"


@pytest.fixture
def node(tmp_path):
    process = Process("captioner_node", tmp_path / "node.log", image_topics=[RAW, JPEG])
    try:
        process.wait_for_log("captioning")
        yield process
    finally:
        process.stop()


def test_raw_camera_keeps_stamp_and_frame_id(node, client, captioner, photograph):
    detail = client.caption_of(photograph, frame_id="front_optical")
    assert detail["frame_id"] == "front_optical" and detail["camera"] == RAW
    assert detail["caption"] == captioner.caption([photograph]).captions[0].text
    assert client.spin_until(lambda: detail["caption"] in client.sentences)
    assert detail["schema"] == 1 and 0 < detail["frame_age_s"] < 5
    assert [word["word"] for word in detail["words"]]
    assert node.stop() == 0


def test_jpeg_camera_and_its_own_output(node, client, photograph):
    own = client.listen("/jpeg_camera/scene_caption")
    detail = client.caption_of(photograph, JPEG)
    assert detail["camera"] == JPEG
    assert client.spin_until(lambda: own == [detail["caption"]] * len(own) and own)


def test_parameters_act_on_the_next_caption(node, client, photograph):
    assert client.caption_of(photograph)["beam_width"] == 3
    results, _ = client.set_parameters(
        beam_width=5, num_alternatives=2, max_length=4, publish_attention=True
    )
    assert all(result.successful for result in results)
    detail = client.caption_of(photograph)
    assert detail["beam_width"] == 5 and len(detail["alternatives"]) == 2
    assert len(detail["words"]) <= 4 and len(detail["words"][0]["attention"]) == 7
    first = detail["words"][1]["word"]
    assert client.set_together(banned_words=[first], length_penalty=0.0).successful
    assert first not in [word["word"] for word in client.caption_of(photograph)["words"]]


def test_bad_parameters_are_refused_and_change_nothing(node, client, photograph):
    results, _ = client.set_parameters(beam_width=17)
    assert not results[0].successful and results[0].reason
    together = client.set_together(beam_width=2, num_alternatives=2)
    assert not together.successful and "num_alternatives < beam_width" in together.reason
    fixed, _ = client.set_parameters(model="elsewhere")
    assert not fixed[0].successful and "lifecycle" in fixed[0].reason
    assert client.caption_of(photograph)["beam_width"] == 3


def test_parameters_answer_while_inference_runs(node, client, photograph):
    """The worker never blocks the executor: most answers come well within one caption's time."""
    client.set_parameters(beam_width=16, max_length=50, min_length=50, max_frame_age_s=0.0)
    client.caption_of(photograph)
    taken_s = []
    for turn in range(20):
        client.send(photograph)
        _, seconds = client.set_parameters(length_penalty=0.5 + turn / 100)
        taken_s.append(seconds)
    caption_s = median(sum(json.loads(d)["latency_ms"].values()) for d in client.details) / 1000
    assert median(taken_s) < 0.5 * caption_s


def test_rate_limit_holds_frames_back(node, client, photograph):
    client.caption_of(photograph)
    client.set_parameters(max_rate_hz=1.0)
    client.details.clear()
    begun = time.monotonic()
    while time.monotonic() - begun < 2.5:
        client.send(photograph)
        client.spin_until(lambda: False, 0.05)
    assert 1 <= len(client.details) <= 4


def test_stale_frame_is_refused(node, client, photograph):
    client.caption_of(photograph)
    client.details.clear()
    client.set_parameters(max_frame_age_s=0.000001)
    client.send(photograph)
    node.wait_for_log("too_old")
    assert not client.details


def test_broken_messages_are_named_and_the_node_goes_on(node, client, photograph):
    expected = {topic: client.caption_of(photograph, topic)["caption"] for topic in (RAW, JPEG)}
    for reason, message in (BROKEN_IMAGES | BROKEN_JPEGS).items():
        topic = JPEG if isinstance(message, CompressedImage) else RAW
        message.header = client.header()
        client.publish(topic, message)
        node.wait_for_log(f"refused as {reason}")
        assert client.caption_of(photograph, topic)["caption"] == expected[topic], reason


def test_topic_type_is_learnt_from_the_graph(start, client, photograph):
    process = start(image_topics=["/odd_name"])
    process.wait_for_log("captioning")
    # A CompressedImage topic whose name does not say so.
    publisher = client.node.create_publisher(CompressedImage, "/odd_name", 5)
    assert client.spin_until(lambda: "CompressedImage" in process.log)
    assert client.spin_until(lambda: publisher.get_subscription_count() > 0)

    def captioned():
        publisher.publish(jpeg_message(photograph, client.header()))
        return client.spin_until(lambda: bool(client.details), 1.0)

    assert client.spin_until(captioned)


def test_a_topic_named_twice_is_one_camera(start, client, photograph):
    start(image_topics=[RAW, RAW]).wait_for_log(f"captioning {RAW}\n")
    client.caption_of(photograph)


def test_loading_that_may_take_minutes_is_told_as_it_begins(start):
    start(backend="tensorrt").wait_for_log("built first, which takes minutes")


def test_lifecycle_round_trip(node, client, photograph):
    client.caption_of(photograph)
    assert client.transition("deactivate") and client.state() == "inactive"
    assert client.transition("cleanup") and client.state() == "unconfigured"
    results, _ = client.set_parameters(image_topics=["/other/image_raw"])
    assert results[0].successful
    assert client.transition("configure") and client.transition("activate")
    assert client.caption_of(photograph, "/other/image_raw")["camera"] == "/other/image_raw"


def test_without_autostart_the_node_waits(start, client):
    node = start(autostart=False)
    node.wait_for_log("waiting to be configured")
    assert "type: ros2 lifecycle set /captioner configure" in node.log
    assert client.state() == "unconfigured"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_node_with_exit_0(node, client, photograph, number):
    client.caption_of(photograph)
    client.send(photograph)
    assert node.stop(number) == 0
    assert "Traceback" not in node.log


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": "/nowhere"}, "no model bundle at /nowhere"),
        ({"precision": "float32"}, "carries no precision 'float32'"),
    ],
)
def test_bad_model_is_named_and_can_be_mended_live(start, client, photograph, parameters, message):
    process = start(**parameters)
    process.wait_for_log("cannot configure")
    assert message in process.log and client.state() == "unconfigured"
    client.set_parameters(**{**dict.fromkeys(parameters, ""), "precision": "auto"})
    assert client.transition("configure") and client.transition("activate")
    client.caption_of(photograph)


@pytest.mark.parametrize(
    "parameters",
    [{"beam_width": 0}, {"beam_width": "three"}, {"backend": "abacus"}, {"num_alternatives": 9}],
)
def test_bad_parameter_at_start_ends_with_one_clear_line(tmp_path, parameters):
    process = Process("captioner_node", tmp_path / "node.log", **parameters)
    assert process.exit_status() == 1
    assert next(iter(parameters)) in process.log and "expected" in process.log
    assert "Traceback" not in process.log


@pytest.mark.skipif(not from_wheels(), reason="an installation of ROS may have several")
def test_foreign_middleware_is_refused_before_it_kills_the_process(tmp_path, monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    process = Process("captioner_node", tmp_path / "node.log")
    assert process.exit_status() == 1
    assert "unset RMW_IMPLEMENTATION" in process.log
