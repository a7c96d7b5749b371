"""What a request for a caption is answered, camera by camera; test_worker.py has it asked for."""

import numpy as np
import pytest

from ros2_captioner.captions import Caption, Timing
from ros2_captioner.ros.node.answers import Answers
from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.frames import CaptionedFrame, ReceivedImage

SETTINGS = NodeSettings(max_frame_age_s=2.0)


def captioned(camera, text):
    words = tuple(text.split())
    caption = Caption(text, 0.0, words, (0.0,) * len(words), np.zeros((len(words), 1, 1)))
    picture = np.zeros((1, 1, 3), np.uint8)
    return CaptionedFrame(
        ReceivedImage(camera, None, 0.0), picture, caption, Timing(0, 0, 0), SETTINGS, 0.0
    )


def test_several_cameras_have_a_line_each_and_one_caption_is_success():
    answers = Answers(["/front", "/rear", "/top"])
    answers.captioned(captioned("/front", "a dog"))
    answers.refused("/rear", "not an image")
    success, message = answers.answer(["/front"], SETTINGS, lambda received: 0.0)
    assert success
    assert message.splitlines() == [
        "/front: a dog",
        "/rear: not an image",
        "/top: no frame has come yet; see /diagnostics",
    ]


@pytest.mark.parametrize("age_s", [2.1, -2.1])
def test_an_old_caption_answers_only_the_request_it_was_made_for(age_s):
    answers = Answers(["/front"])
    answers.captioned(captioned("/front", "a dog"))
    assert answers.answer(["/front"], SETTINGS, lambda received: age_s) == (True, "a dog")
    expected = (False, "no frame newer than 2.0 s")
    assert answers.answer([], SETTINGS, lambda received: age_s) == expected
    answers.expired("/front", SETTINGS)
    assert answers.answer(["/front"], SETTINGS, lambda received: 0.0) == expected


def test_without_a_limit_a_caption_of_any_age_is_an_answer():
    answers = Answers(["/front"])
    answers.captioned(captioned("/front", "a dog"))
    unlimited = NodeSettings(max_frame_age_s=0.0)
    assert answers.answer([], unlimited, lambda received: 1e6) == (True, "a dog")


def test_a_caption_without_words_is_told_as_none():
    answers = Answers(["/front"])
    answers.captioned(captioned("/front", ""))
    success, message = answers.answer(["/front"], SETTINGS, lambda received: 0.0)
    assert not success and "found no words" in message
