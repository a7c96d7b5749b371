"""Captions of a bundle, exactly as the run time makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tqdm import tqdm

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption
from ros2_captioner.images.files import read_image
from training.data.captions import CaptionedPicture
from training.data.corruptions import corrupt

_BATCH = 10


def caption_pictures(
    captioner: Captioner,
    pictures: Sequence[CaptionedPicture],
    options: DecodingOptions,
    corruption: str | None = None,
) -> list[Caption]:
    """The bundle's caption of every picture, exactly as the run time makes it."""
    captions: list[Caption] = []
    with tqdm(total=len(pictures), desc="captions", unit="picture") as bar:
        for batch in batches_of(pictures):
            frames = [read_image(str(picture.path)) for picture in batch]
            if corruption:
                frames = [corrupt(frame, corruption) for frame in frames]
            captions += captioner.caption(frames, options).captions
            bar.update(len(batch))
    return captions


def batches_of(pictures: Sequence[CaptionedPicture]) -> Iterator[Sequence[CaptionedPicture]]:
    """The pictures in order, a few at a time."""
    for first in range(0, len(pictures), _BATCH):
        yield pictures[first : first + _BATCH]
