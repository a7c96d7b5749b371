"""Which frames a bundle captions, and in which order."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from training.data.captions import CaptionedImage
from training.data.corruptions import corrupt
from training.scoring.bundle_captions import caption_images


@pytest.mark.parametrize("corruption", [None, "noise"])
def test_every_image_is_captioned_in_order_and_corrupted_if_asked_for(tmp_path, corruption):
    pixels = [np.full((8, 8, 3), 10 * place, np.uint8) for place in range(23)]
    images = [CaptionedImage(tmp_path / f"{place}.png") for place in range(23)]
    for image, of in zip(images, pixels, strict=True):
        cv2.imwrite(str(image.path), of)
    seen = []

    def caption(frames, options):
        seen.extend(frames)
        return SimpleNamespace(captions=[f"{options} {len(seen)}"] * len(frames))

    found = caption_images(SimpleNamespace(caption=caption), images, "search", corruption)
    assert found == ["search 10"] * 10 + ["search 20"] * 10 + ["search 23"] * 3
    expected = [corrupt(of, corruption) for of in pixels] if corruption else pixels
    assert np.array_equal(seen, expected)
