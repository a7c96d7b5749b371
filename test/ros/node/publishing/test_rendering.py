"""What stands on an overlay."""

import numpy as np
import pytest
from bench import caption_of
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from ros2_captioner.captions import Caption, Timing
from ros2_captioner.ros.node.publishing.rendering import Rendering, overlay_text
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.frames import CaptionedFrame, ReceivedImage

PICTURE = np.full((120, 160, 3), 100, np.uint8)
WORDLESS = Caption("", float("-inf"), (), (), np.zeros((0, 7, 7), np.float32), confidence=0.9)


@pytest.mark.parametrize(
    ("caption", "text"),
    [
        (WORDLESS, "(no caption)"),
        (caption_of(PICTURE), "brightness 100"),
        (caption_of(PICTURE, 0.847), "brightness 100 (85%)"),
    ],
)
def test_it_tells_the_caption_and_how_sure_it_is(caption, text):
    assert overlay_text(caption) == text


@pytest.mark.parametrize(("publish", "words", "taller"), [(True, True, True), (True, False, False),
                                                          (False, True, False)])  # fmt: skip
def test_attention_is_drawn_where_it_is_wanted_and_there_are_words(publish, words, taller):
    received = ReceivedImage("/front", Image(header=Header(frame_id="front")), 0.0)
    caption = caption_of(PICTURE) if words else WORDLESS
    settings = NodeSettings(publish_attention=publish)
    frame = CaptionedFrame(received, PICTURE, caption, Timing(0, 0, 0), settings, 0.0)
    overlay = Rendering(frame, None, "/captioner").overlay
    assert ((overlay.height, overlay.width) != PICTURE.shape[:2]) is taller
    assert overlay.header.frame_id == "front"
