"""Corrupted pictures stay pictures, and are the same each time."""

import numpy as np
import pytest

from training.data.corruptions import CORRUPTIONS, corrupt


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(5, 7), (120, 160)])
def test_shape_stays_and_pixels_change(name, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    before = picture.copy()
    corrupted = corrupt(picture, name)
    assert corrupted.shape == picture.shape and corrupted.dtype == np.uint8
    assert (picture == before).all() and (corrupted != picture).any()
    assert (corrupted == corrupt(picture, name)).all()
