"""Write what an evaluation found into a bundle's manifest."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.bundle import MANIFEST
from ros2_captioner.bundle.manifest import search_of
from ros2_captioner.command_line.text import in_line
from training.bundle.manifest import write_manifest
from training.data.captions import CaptionedImage
from training.scoring.metrics import cider_each, one_line
from training.scoring.source_scores import SourceScores
from training.scoring.truth import worst_first

_FAILURES = 8  # in the model card


def record_scores(
    bundle: Path, precision: str, options: DecodingOptions, scored: Sequence[SourceScores]
) -> None:
    """Write a search, its scores and its worst captions into a bundle's manifest.

    Args:
        bundle: folder.
        precision: of the variant that was evaluated.
        options: the search, which becomes the bundle's own.
        scored: of every source.
    """
    manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    unfitted = "confidence" in manifest and search_of(manifest) != options
    manifest["metrics"][precision] = {
        one.source: {
            **{name: round(value, 4) for name, value in one.values.items() if value == value},
            "signature": one.signature,
        }
        for one in scored
    }
    captioned = [one for one in scored if one.images[0].captions]
    manifest["decoding"] = dataclasses.asdict(options)
    manifest["failures"] = worst_captions(
        [image for one in captioned for image in one.images],
        [text for one in captioned for text in one.texts],
    )
    write_manifest(bundle, manifest)
    if unfitted:
        print(
            "the bundle's confidence was fitted to another search; to fit it to this one, type: "
            f"python -m training.calibrate --bundle {shlex.quote(str(bundle))} --config ..."
        )


def worst_captions(
    images: Sequence[CaptionedImage], texts: Sequence[str], count: int = _FAILURES
) -> list[dict[str, str]]:
    """The captions that invent most, then those lowest in CIDEr, each with a reference.

    All of them text: no manifest may hold half a surrogate pair.
    """
    references = [image.captions for image in images]
    order = worst_first(texts, references, cider_each(texts, references))
    return [
        {
            "picture": in_line(images[place].path.name),
            "caption": texts[place],
            "reference": one_line(images[place].captions[0]),
        }
        for place in order[:count]
    ]
