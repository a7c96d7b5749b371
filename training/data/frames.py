"""Image files, or cached maps of them, to the encoder's input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.images.files import read_image
from ros2_captioner.preprocess import preprocess_batch
from training.config.settings import ConfigError


def read_frames(paths: Sequence[Path], size: int) -> NDArray[np.uint8]:
    """Images as the encoder takes them: uint8 ``[B, size, size, 3]``."""
    return preprocess_batch([read_image(path) for path in paths], size)


def read_map(file: Path) -> NDArray[np.float32]:
    """A map that `training.model.features` cached, ``[h, w, c]``.

    Raises:
        ConfigError: the file was cut short, as by a loss of power.
    """
    try:
        stored: NDArray[np.float16] = np.load(file)
    except (ValueError, EOFError) as error:
        raise ConfigError(f"{file}: {error}; delete it, and it is computed again") from error
    return stored.astype(np.float32)
