"""What augmentation changes, and what it must not."""

import numpy as np
import pytest
import torch

from training.config.settings import OptimConfig
from training.data.augment import Augmentation, mention_sides, random_crop

IMAGE = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(40, 30, 3)


def versions(captions=("a dog runs",), **optim):
    torch.manual_seed(0)
    augmentation = Augmentation(OptimConfig(**optim))
    return [augmentation(IMAGE, captions) for _ in range(40)]


@pytest.mark.parametrize("smallest", [0.3, 0.75])
def test_crops_keep_their_share_of_the_image_and_differ(smallest):
    torch.manual_seed(0)
    image = np.arange(100 * 80 * 3, dtype=np.uint8).reshape(100, 80, 3)
    crops = [random_crop(image, smallest) for _ in range(100)]
    shares = [crop.shape[0] * crop.shape[1] / 8000 for crop in crops]
    assert min(shares) >= smallest - 0.02 and max(shares) <= 1
    assert len({crop.shape for crop in crops}) > 50
    assert len({crop[0, 0].tobytes() for crop in crops}) > 50  # other places, not sizes alone


def test_an_image_of_one_pixel_survives():
    assert random_crop(np.zeros((1, 1, 3), np.uint8), 0.1).shape == (1, 1, 3)


def test_nothing_changes_unless_asked_for():
    assert all(np.array_equal(version, IMAGE) for version in versions())


def test_half_of_the_images_are_mirrored():
    mirrored = [np.array_equal(version, IMAGE[:, ::-1]) for version in versions(mirror=True)]
    plain = [np.array_equal(version, IMAGE) for version in versions(mirror=True)]
    assert 10 < sum(mirrored) < 30 and sum(mirrored) + sum(plain) == 40


def test_no_image_is_mirrored_whose_captions_speak_of_left_or_right():
    captions = ("a dog runs", "A dog on the Left.")
    assert all(np.array_equal(v, IMAGE) for v in versions(captions, mirror=True))


def test_sides_are_found_as_words_alone():
    assert mention_sides(["a man on the right"]) and not mention_sides(["a bright leftover"])
    assert mention_sides(["a lamp at the left-hand side"])


def test_jitter_changes_colours_and_neither_shape_nor_type():
    changed = versions(jitter=0.3)
    assert all(v.shape == IMAGE.shape and v.dtype == np.uint8 for v in changed)
    assert len({v.tobytes() for v in changed}) == 40
