"""Pictures to encoder input."""

import numpy as np
import pytest

from ros2_captioner.errors import FrameError
from ros2_captioner.preprocess import preprocess, preprocess_batch


def test_right_size_passes_unchanged():
    frame = np.random.default_rng(1).integers(0, 255, (224, 224, 3), np.uint8)
    np.testing.assert_array_equal(preprocess(frame, 224), frame)


@pytest.mark.parametrize("shape", [(480, 640), (100, 50), (1, 2), (30, 2000), (112, 448)])
def test_any_size_is_squashed_whole(shape):
    frame = np.zeros((*shape, 3), np.uint8)
    frame[:, shape[1] // 2 :] = 255
    squashed = preprocess(frame, 224)
    assert squashed.shape == (224, 224, 3) and squashed.flags.c_contiguous
    if shape[1] > 1:
        assert squashed[:, 0].max() == 0 and squashed[:, -1].min() == 255


def test_shrinking_averages_so_fine_stripes_turn_grey():
    frame = np.zeros((896, 896, 3), np.uint8)
    frame[:, ::2] = 255
    assert abs(int(preprocess(frame, 224).mean()) - 127) <= 1


@pytest.mark.parametrize("shape", [(96, 64), (32, 128), (64, 32)])
def test_a_smaller_pixel_is_the_mean_of_its_area(shape):
    frame = np.random.default_rng(1).integers(0, 255, (*shape, 3), np.uint8)
    areas = frame.reshape(32, shape[0] // 32, 32, shape[1] // 32, 3)
    np.testing.assert_allclose(preprocess(frame, 32), areas.mean(axis=(1, 3)), atol=1)


@pytest.mark.parametrize("columns", [2, 128])
def test_enlarging_is_smooth_even_where_only_one_side_grows(columns):
    frame = np.zeros((2, columns, 3), np.uint8)
    frame[1] = 255
    steps = np.diff(preprocess(frame, 32)[:, 0, 0].astype(int))
    assert steps.min() >= 0 and steps.max() < 20


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
    ],
)
def test_no_picture_is_refused(frame):
    with pytest.raises(FrameError, match="expected a uint8 array"):
        preprocess(frame, 224)


def test_batch_mixes_sizes():
    frames = [np.zeros((10, 20, 3), np.uint8), np.zeros((500, 300, 3), np.uint8)]
    assert preprocess_batch(frames, 32).shape == (2, 32, 32, 3)
