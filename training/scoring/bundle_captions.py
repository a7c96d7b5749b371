"""Captions of a bundle, exactly as the run time makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tqdm import tqdm

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption
from ros2_captioner.images.files import read_image
from training.data.captions import CaptionedImage
from training.data.corruptions import corrupt

_BATCH = 10


def caption_images(
    captioner: Captioner,
    images: Sequence[CaptionedImage],
    options: DecodingOptions,
    corruption: str | None = None,
) -> list[Caption]:
    """The bundle's caption of every image, exactly as the run time makes it."""
    captions: list[Caption] = []
    with tqdm(total=len(images), desc="captions", unit="image") as bar:
        for batch in batches_of(images):
            frames = [read_image(image.path) for image in batch]
            if corruption:
                frames = [corrupt(frame, corruption) for frame in frames]
            captions += captioner.caption(frames, options).captions
            bar.update(len(batch))
    return captions


def batches_of(images: Sequence[CaptionedImage]) -> Iterator[Sequence[CaptionedImage]]:
    """The images in order, a few at a time."""
    for first in range(0, len(images), _BATCH):
        yield images[first : first + _BATCH]
