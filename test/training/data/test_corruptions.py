"""Corrupted images stay images, and are the same each time."""

import numpy as np
import pytest

from training.data.corruptions import CORRUPTIONS, corrupt


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(5, 7), (120, 160)])
def test_shape_stays_and_pixels_change(name, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    before = image.copy()
    corrupted = corrupt(image, name)
    assert corrupted.shape == image.shape and corrupted.dtype == np.uint8
    assert (image == before).all() and (corrupted != image).any()
    assert (corrupted == corrupt(image, name)).all()
