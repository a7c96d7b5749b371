"""What the training tests share: the synthetic captions, and where real data may lie."""

import contextlib
import os
import resource
from pathlib import Path

from training.data.sources import read_validation

ROOT = Path(__file__).parents[3]
FLICKR8K = Path(os.environ.get("FLICKR8K", ROOT.parent / "shared/data/flickr8k"))
COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0), "white": (255,) * 3}


@contextlib.contextmanager
def no_room():
    """No file grows beyond 8 KiB, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**13, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def captions_of(colour):
    return [f"a {colour} square is standing on a dark table", f"the square is {colour}"]


def images_of(config):
    """The validation images of a config's only source."""
    (images,) = read_validation(config.data).values()
    return images
