"""Captions of a bundle, exactly as the run time makes them."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm import tqdm

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captioner import Captioner
from ros2_captioner.images.files import read_image
from training.data.captions import CaptionedPicture
from training.data.corruptions import corrupt

_BATCH = 10


def caption_pictures(
    captioner: Captioner,
    pictures: Sequence[CaptionedPicture],
    options: DecodingOptions,
    corruption: str | None = None,
) -> list[str]:
    """The bundle's caption of every picture, exactly as the run time makes it."""
    texts: list[str] = []
    with tqdm(total=len(pictures), desc="captions", unit="picture") as bar:
        for first in range(0, len(pictures), _BATCH):
            batch = pictures[first : first + _BATCH]
            frames = [read_image(str(picture.path)) for picture in batch]
            if corruption:
                frames = [corrupt(frame, corruption) for frame in frames]
            texts += [caption.text for caption in captioner.caption(frames, options).captions]
            bar.update(len(batch))
    return texts
