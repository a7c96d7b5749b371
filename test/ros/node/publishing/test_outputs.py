"""What is published of a captioned frame, and where; the publishers are stand-ins."""

from types import SimpleNamespace

import numpy as np
import pytest
from bench import FRONT, REAR, caption_of
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from ros2_captioner.captions import Timing
from ros2_captioner.errors import FrameError
from ros2_captioner.ros.node.publishing import outputs
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.frames import CaptionedFrame, ReceivedImage

TEXT, DRAWN = ["/scene_caption", "/scene_caption/detail"], "/captioner/overlay"
NODE = SimpleNamespace(
    get_fully_qualified_name=lambda: "/captioner",
    get_namespace=lambda: "/",
    resolve_topic_name=lambda name: (
        name if name[0] == "/" else f"/{name.replace('~', 'captioner')}"
    ),
)
CAPTIONER = SimpleNamespace(
    backend=SimpleNamespace(name="", device="cpu", precision=""), bundle=SimpleNamespace(digest="")
)


@pytest.fixture
def topics(monkeypatch):
    """The node's publishers by topic, each with its listeners and what was published on it."""
    made = {}

    class Output:
        def __init__(self, node, kind, topic):
            self.topic, self.listened, self.messages = node.resolve_topic_name(topic), False, []
            self.publish = self.messages.append
            made[self.topic] = self

        def close(self):
            del made[self.topic]

    monkeypatch.setattr(outputs, "Output", Output)
    return made


def captioned(camera=FRONT, confidence=None, **settings):
    picture = np.full((32, 64, 3), 100, np.uint8)
    received = ReceivedImage(camera, Image(header=Header(frame_id="front")), 0.0)
    caption, timing = caption_of(picture, confidence), Timing(1.0, 1.0, 1.0)
    return CaptionedFrame(received, picture, caption, timing, NodeSettings(**settings), 0.1)


def published(topics):
    return [topic for topic, output in topics.items() if output.messages]


@pytest.mark.parametrize(("confidence", "expected"), [(0.4, TEXT[1:]), (0.5, TEXT)])
def test_an_unsure_caption_is_published_as_detail_alone(topics, confidence, expected):
    outputs.Outputs(NODE, [FRONT], CAPTIONER).publish(
        captioned(FRONT, confidence, min_confidence=0.5)
    )
    assert published(topics) == expected


@pytest.mark.parametrize("suffix", ["", "/compressed"])
@pytest.mark.parametrize(("wanted", "listened"), [(True, True), (True, False), (False, True)])
def test_overlays_are_drawn_where_they_are_wanted_and_looked_at(topics, suffix, wanted, listened):
    made = outputs.Outputs(NODE, [FRONT], CAPTIONER)
    topics[DRAWN + suffix].listened = listened
    assert made.listened(FRONT, overlay=wanted) is (wanted and listened)
    made.publish(captioned(publish_overlay=wanted))
    assert published(topics) == TEXT + [DRAWN + suffix] * (wanted and listened)


def test_a_camera_is_heard_on_its_own_topics_and_on_those_of_all(topics):
    made = outputs.Outputs(NODE, [FRONT, REAR], CAPTIONER)
    made.publish(captioned(REAR))
    assert published(topics) == [*TEXT, "/rear/scene_caption", "/rear/scene_caption/detail"]
    for topic, heard in (("/rear/scene_caption", [False, True]), (TEXT[0], [True, True])):
        topics[topic].listened = True
        assert [made.listened(camera, overlay=True) for camera in (FRONT, REAR)] == heard
    made.close()
    assert not topics


def test_a_topic_that_fails_costs_no_other_its_caption(topics):
    def fail(message):
        raise OSError("no space")

    made = outputs.Outputs(NODE, [FRONT], CAPTIONER)
    topics[TEXT[0]].publish = fail
    with pytest.raises(FrameError, match="publishing failed on /scene_caption: OSError: no space"):
        made.publish(captioned())
    assert published(topics) == TEXT[1:]
