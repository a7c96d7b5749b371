"""The JSON object on ``scene_caption/detail``; ``config/detail.schema.json`` describes it."""

from __future__ import annotations

import json
from typing import Any

from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import alternatives_json, caption_json, number_json
from ros2_captioner.stream.frames import CaptionedFrame

DETAIL_SCHEMA = 1


def detail_json(frame: CaptionedFrame, captioner: Captioner, node: str = "") -> str:
    """Everything known about one caption, as one line of JSON.

    Args:
        frame: the caption with its message, whose stamp and frame_id are kept as they are.
        captioner: names backend and model.
        node: full name of the node that captioned it; empty where none did, as in a recording.
    """
    header, caption, timing = frame.received.message.header, frame.caption, frame.timing
    settings = frame.settings
    words: list[dict[str, Any]] = [
        {"word": word, "log_prob": number_json(log_prob)}
        for word, log_prob in zip(caption.words, caption.log_probs, strict=True)
    ]
    if settings.publish_attention:
        for entry, grid in zip(words, caption.attention, strict=True):
            entry["attention"] = grid.round(4).tolist()
    detail = {
        "schema": DETAIL_SCHEMA,
        "stamp": {"sec": header.stamp.sec, "nanosec": header.stamp.nanosec},
        "frame_id": header.frame_id,
        "camera": frame.received.camera,
        **caption_json(caption),
        "words": words,
        "alternatives": alternatives_json(caption),
        "beam_width": settings.beam_width,
        "latency_ms": {
            "preprocess": round(timing.preprocess_ms, 2),
            "encode": round(timing.encode_ms, 2),
            "decode": round(timing.decode_ms, 2),
        },
        "frame_age_s": round(frame.frame_age_s, 4),
        "backend": captioner.backend.name,
        "device": captioner.backend.device,
        "precision": captioner.backend.precision,
        "model": captioner.bundle.digest,
    }
    if node:
        detail["node"] = node
    return json.dumps(detail, ensure_ascii=False, allow_nan=False)
