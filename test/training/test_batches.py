"""Random crops."""

import numpy as np
import pytest
import torch

from training.batches import random_crop


@pytest.mark.parametrize("smallest", [0.3, 0.75])
def test_crops_keep_their_share_of_the_picture_and_differ(smallest):
    torch.manual_seed(0)
    picture = np.arange(100 * 80 * 3, dtype=np.uint8).reshape(100, 80, 3)
    crops = [random_crop(picture, smallest) for _ in range(100)]
    shares = [crop.shape[0] * crop.shape[1] / 8000 for crop in crops]
    assert min(shares) >= smallest - 0.02 and max(shares) <= 1
    assert len({crop.shape for crop in crops}) > 50


def test_a_picture_of_one_pixel_survives():
    assert random_crop(np.zeros((1, 1, 3), np.uint8), 0.1).shape == (1, 1, 3)
