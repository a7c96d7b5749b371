"""All that is measured of a source's captions, with the signature that it holds for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captions import Caption
from training.data.captions import CaptionedImage
from training.scoring.calibration import calibration_values
from training.scoring.metrics import caption_statistics, cider_error, score_captions, signature
from training.scoring.truth import truth_values


class SourceScores(NamedTuple):
    """A source's captions and their scores.

    Attributes:
        source: its name in the config.
        images: of its split, in order.
        texts: their captions, in the same order.
        values: measure to value, x1; see docs/truth.md.
        signature: what the values hold for.
    """

    source: str
    images: Sequence[CaptionedImage]
    texts: Sequence[str]
    values: dict[str, float]
    signature: str


def score_source(
    source: str,
    split: str,
    images: Sequence[CaptionedImage],
    captions: Sequence[Caption],
    options: DecodingOptions,
    *,
    with_spice: bool = False,
) -> SourceScores:
    """Scores and truth; the truth alone of images whose objects are known and no captions.

    Args:
        source: its name in the config.
        split: which part of it, and how it was changed, for the signature.
        images: at least one; all have captions, or none.
        captions: one for each image.
        options: that the captions were searched with, for the signature.
        with_spice: add SPICE.

    Raises:
        MetricsError: see `score_captions`.
    """
    values, tokeniser = {}, "no"
    texts = [caption.text for caption in captions]
    if images[0].captions:
        references = [image.captions for image in images]
        scores = score_captions(texts, references, with_spice=with_spice)
        values = scores.values | {"CIDEr error": cider_error(texts, references)}
        values |= calibration_values(captions, references)
        tokeniser = scores.tokeniser
    values |= truth_values(images, texts) | caption_statistics(texts)
    mark = signature(f"{source} {split}", len(images), options, tokeniser)
    return SourceScores(source, images, texts, values, mark)
