"""Spoilt pictures stay pictures, and are the same each time."""

import numpy as np
import pytest

from training.data.corruptions import CORRUPTIONS, corrupt


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(5, 7), (120, 160)])
def test_shape_stays_and_pixels_change(name, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    before = picture.copy()
    spoilt = corrupt(picture, name)
    assert spoilt.shape == picture.shape and spoilt.dtype == np.uint8
    assert (picture == before).all() and (spoilt != picture).any()
    assert (spoilt == corrupt(picture, name)).all()
