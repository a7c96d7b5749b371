"""What an evaluation writes into a manifest; test_evaluate.py has it written by the command."""

import dataclasses
import json
import math
from pathlib import Path

from tiny import images_of

from ros2_captioner.beam_search import DecodingOptions
from training.bundle.record import record_scores, worst_captions
from training.data.captions import CaptionedImage
from training.scoring.source_scores import SourceScores


def test_the_worst_captions_come_first(tiny_config):
    images = images_of(tiny_config())
    texts = [image.captions[0] for image in images]
    texts[2] = "nothing of the kind"
    first, *others = worst_captions(images, texts, count=2)
    assert first["caption"] == texts[2] and first["picture"] == images[2].path.name
    assert first["reference"] == images[2].captions[0] and len(others) == 1


def test_sources_without_captions_have_scores_and_no_worst_ones(tmp_path, monkeypatch):
    """And what is no number, as the error over a single image, has no place in JSON."""
    before = {"metrics": {"int8": {"old": {}}, "float16": {"old": {}}}, "decoding": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(before))
    written = {}
    monkeypatch.setattr(
        "training.bundle.record.write_manifest", lambda folder, manifest: written.update(manifest)
    )
    said = [CaptionedImage(Path(f"{name}.jpg"), (f"a {name}",)) for name in ("dog", "cat")]
    rooms = [CaptionedImage(Path("room.jpg"), objects=frozenset({"wall"}))]
    values = {"CIDEr": 0.123456, "CIDEr error": math.nan}
    record_scores(
        tmp_path, "int8", options := DecodingOptions(beam_width=7),
        [SourceScores("said", said, ["a dog", "a dog"], values, "one"),
         SourceScores("rooms", rooms, ["a man"], {"people invented": 1.0}, "two")],
    )  # fmt: skip
    assert written["metrics"] == {
        "int8": {
            "said": {"CIDEr": 0.1235, "signature": "one"},
            "rooms": {"people invented": 1.0, "signature": "two"},
        },
        "float16": {"old": {}},
    }
    assert written["decoding"] == dataclasses.asdict(options)
    assert [one["picture"] for one in written["failures"]] == ["cat.jpg", "dog.jpg"]
