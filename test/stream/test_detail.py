"""The JSON of scene_caption/detail keeps to the schema that ships."""

import json
from pathlib import Path

import pytest
from builtin_interfaces.msg import Time
from jsonschema import Draft7Validator, ValidationError
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from ros2_captioner.settings import NodeSettings
from ros2_captioner.stream.detail import DETAIL_SCHEMA, detail_json
from ros2_captioner.stream.frames import CaptionedFrame, ReceivedImage

SCHEMA = json.loads((Path(__file__).parents[2] / "config/detail.schema.json").read_text())


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def detail_of(captioner, picture, age_s=0.1, node="/robot/captioner", **values):
    settings = NodeSettings(**values)
    batch = captioner.caption([picture], settings)
    header = Header(stamp=Time(sec=5, nanosec=7), frame_id="front")
    received = ReceivedImage("/front/image_raw", Image(header=header), 0.0)
    frame = CaptionedFrame(received, picture, batch.captions[0], batch.timing, settings, age_s)
    return json.loads(detail_json(frame, captioner, node), parse_constant=refuse)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"publish_attention": True, "num_alternatives": 2},
        {"max_length": 1},
        {"beam_width": 16, "num_alternatives": 15, "min_length": 50, "max_length": 50},
    ],
)
def test_every_detail_keeps_to_the_schema(captioner, photograph, values):
    detail = detail_of(captioner, photograph, **values)
    Draft7Validator(SCHEMA).validate(detail)
    assert set(detail) == {*SCHEMA["required"], "node", "latency_ms"} == set(SCHEMA["properties"])
    assert detail["stamp"] == {"sec": 5, "nanosec": 7} and detail["frame_id"] == "front"
    assert detail["node"] == "/robot/captioner"
    assert {"attention" in word for word in detail["words"]} == {"publish_attention" in values}
    assert "node" not in detail_of(captioner, photograph, node="", **values)


def test_an_empty_caption_is_valid_json_without_a_score(captioner, photograph):
    words = tuple(captioner.bundle.vocabulary.decode(range(len(captioner.bundle.vocabulary))))
    detail = detail_of(captioner, photograph, banned_words=words, min_length=1)
    Draft7Validator(SCHEMA).validate(detail)
    assert detail["caption"] == "" and detail["score"] is None and detail["words"] == []


def test_the_schema_tells_what_is_wrong(captioner, photograph):
    assert SCHEMA["properties"]["schema"]["const"] == DETAIL_SCHEMA
    Draft7Validator.check_schema(SCHEMA)
    detail = detail_of(captioner, photograph, age_s=-0.5)
    for field, wrong in (("score", "-Infinity"), ("words", None), ("schema", 2), ("camera", "x")):
        with pytest.raises(ValidationError):
            Draft7Validator(SCHEMA).validate({**detail, field: wrong})
    Draft7Validator(SCHEMA).validate({**detail, "new": 1})
