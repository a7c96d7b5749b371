"""Pictures to encoder input."""

import numpy as np
import pytest

from ros2_captioner.errors import FrameError
from ros2_captioner.preprocess import preprocess, preprocess_batch


def test_right_size_passes_unchanged():
    frame = np.random.default_rng(1).integers(0, 255, (224, 224, 3), np.uint8)
    np.testing.assert_array_equal(preprocess(frame, 224), frame)


@pytest.mark.parametrize("shape", [(480, 640), (100, 50), (1, 2), (30, 2000)])
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
