"""Generated messages: every one is converted or refused with a reason; the node survives them.

FUZZ_MESSAGES and FUZZ_WIRE_MESSAGES set how many; `make soak` sets far more.
"""

import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from image_strategies import compressed_images, images, png_that_claims
from ros_harness import Client, Process, accounted_for
from sensor_msgs.msg import CompressedImage, Image

from ros2_captioner.errors import FrameError
from ros2_captioner.images.conversion import compressed_to_rgb, image_to_rgb

MESSAGES = int(os.environ.get("FUZZ_MESSAGES", "1000"))
WIRE_MESSAGES = int(os.environ.get("FUZZ_WIRE_MESSAGES", "200"))
RAW, JPEG = "/camera/image_raw", "/jpeg_camera/image_raw/compressed"
REASONS = {
    "unknown_encoding", "bad_size", "too_large", "short_step", "short_data", "unconvertible",
    "empty", "truncated", "undecodable", "no_depth",
}  # fmt: skip

fuzz = settings(max_examples=MESSAGES, deadline=None, suppress_health_check=list(HealthCheck))


def outcome(convert, message):
    """The picture, or the refusal."""
    try:
        return convert(message)
    except FrameError as error:
        return error


def check(found):
    if isinstance(found, FrameError):
        assert found.reason in REASONS and "expected" in str(found)
    else:
        assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3


@pytest.mark.parametrize(
    ("messages", "convert", "kind"),
    [
        (images(), image_to_rgb, "Image"),
        (compressed_images(), compressed_to_rgb, "CompressedImage"),
    ],
    ids=["Image", "CompressedImage"],
)
def test_messages_are_converted_or_refused(marks, messages, convert, kind):
    seen = Counter()

    @fuzz
    @given(messages)
    def try_one(message):
        found = outcome(convert, message)
        check(found)
        refused = isinstance(found, FrameError)
        if kind == "Image":  # a compressed message tells its size only to who opens it
            assert refused or found.shape[:2] == (message.height, message.width)
        seen[found.reason if refused else "converted"] += 1

    try_one()
    print(dict(seen))
    marks(f"generated {kind} messages converted or refused", seen.total(), "messages",
          at_least=MESSAGES)  # fmt: skip


@pytest.mark.parametrize("size", [(30000, 30000), (2**31 - 1, 1), (0, 7)])
def test_a_size_is_refused_before_its_pixels_are_made(size):
    with pytest.raises(FrameError) as caught:
        compressed_to_rgb(CompressedImage(format="png", data=png_that_claims(*size)))
    assert caught.value.reason in ("too_large", "bad_size")


def test_the_node_survives_and_accounts_for_every_message(tmp_path, captioner, photograph, marks):
    messages = []

    @settings(fuzz, max_examples=WIRE_MESSAGES, phases=[Phase.generate], database=None)
    @given(st.one_of(images(), compressed_images()))
    def generate(message):
        messages.append(message)

    generate()
    client = Client()
    process = Process("captioner_node", tmp_path / "node.log", image_topics=[RAW, JPEG])
    try:
        process.wait_for_log("captioning")
        expected = client.caption_of(photograph)["caption"]
        client.caption_of(photograph, JPEG)
        for message in messages:
            message.header = client.header()
            client.publish(RAW if isinstance(message, Image) else JPEG, message)
            client.spin_until(lambda: True)
        assert client.caption_of(photograph)["caption"] == expected
        assert client.caption_of(photograph, JPEG)
        for camera in (RAW, JPEG):
            client.diagnosis(camera, accounted_for)
        marks("generated messages over the wire without a crash", len(messages), "messages",
              at_least=WIRE_MESSAGES)  # fmt: skip
        assert process.alive and process.stop() == 0
        assert "Traceback" not in process.log and "inference_failed" not in process.log
    finally:
        process.stop()
        client.close()
