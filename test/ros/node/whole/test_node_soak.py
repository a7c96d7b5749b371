"""Four cameras for long, and how quickly the node answers meanwhile.

SOAK_FRAMES sets how many frames are sent and LATENCY_FRAMES how many are timed; `make soak` sets
far more. What is timed is noted as a mark and not asserted: other programs may be running.
"""

import json
import os
import random
import time
from collections import Counter

import numpy as np
import pytest
from lifecycle_msgs.srv import GetState
from ros_harness import PROCESSES, Process, accounted_for, running_node
from std_srvs.srv import SetBool

from ros2_captioner.ros.messages.images import jpeg_message, raw_message

FRAMES = int(os.environ.get("SOAK_FRAMES", "400"))
LATENCY_FRAMES = int(os.environ.get("LATENCY_FRAMES", "10"))
CAMERAS = (
    "/front/image_raw",
    "/rear/image_raw/compressed",
    "/left/image_raw",
    "/right/image_raw/compressed",
)
MAX_AGE_S = 2.0
_FRAMES_A_SECOND = 120  # thirty a camera
_WARM_UP = 0.2  # share of the frames
_BURST = 50  # frames at once while warming up: every queue is full once, as on a busy machine


@pytest.fixture
def node(tmp_path):
    with running_node(tmp_path, image_topics=list(CAMERAS)) as process:
        yield process


class Cameras:
    """Four cameras that publish in turn, each frame once and with a stamp of its own."""

    def __init__(self, client, picture):
        self._client, self._picture, self.sent = client, picture, 0
        kinds = [jpeg_message if "compressed" in topic else raw_message for topic in CAMERAS]
        self._makers = kinds
        self._publishers = [
            client.node.create_publisher(type(make(picture, client.header())), topic, 5)
            for make, topic in zip(kinds, CAMERAS, strict=True)
        ]

    def wait_until_captioned(self):
        """Publish until every camera has a caption: Fast DDS may need seconds to find them."""
        waited_for = set(CAMERAS)

        def send_and_look():
            self.send()
            waited_for.difference_update(json.loads(d)["camera"] for d in self._client.details)
            return not waited_for

        assert self._client.spin_until(send_and_look), f"no caption of {waited_for}"
        self._client.details.clear()
        self.sent = 0

    def send(self):
        place = self.sent % len(CAMERAS)
        picture = np.roll(self._picture, 16 * self.sent, axis=1)
        message = self._makers[place](picture, self._client.header())
        self._publishers[place].publish(message)
        self.sent += 1


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def test_a_soak_of_four_cameras(node, client, photograph, marks):
    cameras, memory = Cameras(client, photograph), []
    cameras.wait_until_captioned()
    warm_frames = int(_WARM_UP * FRAMES)
    begun = time.monotonic()
    while cameras.sent < FRAMES:
        for _ in range(_BURST if cameras.sent < warm_frames else 1):
            cameras.send()
        if cameras.sent % _BURST == 0:
            memory.append(node.resident_mib)
        due = begun + cameras.sent / _FRAMES_A_SECOND
        client.spin_until(lambda due=due: time.monotonic() >= due, 1.0)
    client.spin_until(lambda: False, 1.0)
    details = [json.loads(text) for text in client.details]
    stamps = Counter((d["camera"], d["stamp"]["sec"], d["stamp"]["nanosec"]) for d in details)
    share = Counter(d["camera"] for d in details)
    warm = memory[: max(1, warm_frames // _BURST)]
    growth = 100 * (max(memory) / max(warm) - 1)
    print(f"{cameras.sent} frames, captions {dict(share)}, resident MiB {memory[0]:.0f} to "
          f"{memory[-1]:.0f}")  # fmt: skip
    marks("frames sent by four cameras", cameras.sent, "frames", at_least=FRAMES)
    marks("growth of resident memory after warm-up", growth, "%", at_most=2)
    marks("frames captioned twice", sum(n > 1 for n in stamps.values()), "frames", at_most=0)
    oldest_s = max(d["frame_age_s"] for d in details)
    marks("oldest frame published", oldest_s, "s", at_most=MAX_AGE_S + 1)
    assert set(stamps.values()) == {1}
    # Each batch takes what is new of every camera, so at most one caption lies between any two.
    assert set(share) == set(CAMERAS) and max(share.values()) <= 1.1 * min(share.values()) + 2
    # The age is checked as a frame is taken; its own inference comes on top.
    assert oldest_s < MAX_AGE_S + 1
    if FRAMES >= 10_000:
        assert growth < 2


STEREO = ("/stereo/left", "/stereo/right")
_HOSTILE = {
    "bad_stamp": lambda now_s: -1,
    "future_stamp": lambda now_s: now_s + 3600,
    "too_old": lambda now_s: now_s - 3600,
    "far_future": lambda now_s: 2**31 - 1,
    "unstamped": lambda now_s: 0,
    "": lambda now_s: now_s,
}


def test_a_soak_of_stamps_that_are_wrong(tmp_path, client, photograph, marks):
    """Two cameras of one namespace whose names are swapped, and whose clocks are anything."""
    swapped = [f"{STEREO[0]}:={STEREO[1]}", f"{STEREO[1]}:={STEREO[0]}"]
    process = Process("captioner_node", tmp_path / "node.log", swapped, image_topics=list(STEREO))
    draw, sent = random.Random(2), Counter()
    try:
        process.wait_for_log("captioning")
        own = {topic: client.listen(f"{topic}/scene_caption/detail") for topic in STEREO}
        for topic in STEREO:
            client.caption_of(photograph, topic)
        for _ in range(max(60, FRAMES // 10)):
            kind, topic = draw.choice(list(_HOSTILE)), draw.choice(STEREO)
            message = raw_message(photograph, client.header())
            message.header.stamp.sec = _HOSTILE[kind](message.header.stamp.sec)
            if kind == "unstamped":
                message.header.stamp.nanosec = 0
            client.publish(topic, message)
            sent[kind] += 1
            client.spin_until(lambda: False, 0.03)
        for topic in STEREO:
            client.caption_of(photograph, topic)
            status = client.diagnosis(topic, accounted_for)
            dropped = {v.key.removeprefix("dropped: ") for v in status.values if ": " in v.key}
            assert dropped <= {"bad_stamp", "future_stamp", "too_old", "too_late", "replaced"}
        details = [json.loads(text) for text in client.details]
        assert all(0 <= d["stamp"]["sec"] < 2**31 - 1 for d in details)
        assert all(abs(d["frame_age_s"]) < MAX_AGE_S + 1 for d in details)
        for topic in STEREO:
            assert {json.loads(text)["camera"] for text in own[topic]} == {topic}
        print(dict(sent))
        marks("frames with any stamp, all accounted for", sent.total(), "frames", at_least=60)
        assert process.alive and process.stop() == 0
        assert "Traceback" not in process.log and "_failed" not in process.log
    finally:
        process.stop()


def test_control_answers_under_full_load(node, client, tmp_path, marks):
    cameras = Process(PROCESSES / "four_cameras.py", tmp_path / "cameras.log")
    set_s, service_s, state_s = [], [], []
    try:
        assert client.spin_until(lambda: len(client.details) > 8), cameras.log
        for turn in range(10 * LATENCY_FRAMES):
            results, seconds = client.set_parameters(length_penalty=turn / 1000)
            assert results[0].successful
            set_s.append(seconds)
            enable = SetBool.Request(data=True)
            service_s.append(client.call(SetBool, "/captioner/enable", enable)[1])
            state_s.append(client.call(GetState, "/captioner/get_state", GetState.Request())[1])
    finally:
        cameras.stop()
    for what, seconds in (("parameter set", set_s), ("service", service_s), ("state", state_s)):
        p99_ms = 1000 * quantile(seconds, 0.99)
        marks(f"{what} p99, four cameras at full load", p99_ms, "ms", at_most=100)


def test_latency_of_a_camera_slower_than_the_model(node, client, photograph, marks):
    client.caption_of(photograph, CAMERAS[0])
    total_ms, model_ms = [], []
    for _ in range(LATENCY_FRAMES):
        client.details.clear()
        stamp = client.send(photograph, CAMERAS[0]).stamp
        assert client.spin_until(lambda: bool(client.details))
        now = client.node.get_clock().now().nanoseconds
        total_ms.append((now - stamp.sec * 10**9 - stamp.nanosec) / 1e6)
        model_ms.append(sum(json.loads(client.details[-1])["latency_ms"].values()))
        client.spin_until(lambda: False, 0.2)
    total, model = quantile(total_ms, 0.95), quantile(model_ms, 0.95)
    print(f"stamp to caption p95 {total:.1f} ms, model p95 {model:.1f} ms")
    marks("stamp to caption p95 over the model's own p95", total / model, "x", at_most=1.25)
