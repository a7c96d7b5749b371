"""What an epoch is worth: its captions of the validation sources, scored without Java."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from training.data.captions import CaptionedImage
from training.scoring.metrics import plain_tokens, score_tokens
from training.scoring.truth import truth_values


def validation_scores(
    sources: Mapping[str, Sequence[CaptionedImage]], texts: Sequence[str]
) -> dict[str, float]:
    """Scores, x1, by the plain tokeniser.

    Args:
        sources: validation images of each source, by its name.
        texts: a caption of each image, source after source.

    Returns:
        BLEU, ROUGE-L and CIDEr as means over the sources with captions, and of each source
        its CIDEr and what it invents: ``CIDEr coco``, ``people invented coco`` and so on.
    """
    each: list[dict[str, float]] = []
    found: dict[str, float] = {}
    rest = list(texts)
    for name, images in sources.items():
        captions, rest = rest[: len(images)], rest[len(images) :]
        for measure, value in truth_values(images, captions).items():
            found[f"{measure} {name}"] = value
        if not images[0].captions:
            continue
        references = [image.captions for image in images]
        each.append(
            score_tokens(plain_tokens([[text] for text in captions]), plain_tokens(references))
        )
        found[f"CIDEr {name}"] = each[-1]["CIDEr"]
    return {metric: mean(scores[metric] for scores in each) for metric in each[0]} | found
