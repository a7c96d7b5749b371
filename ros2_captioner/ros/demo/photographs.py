"""Photographs for the demo that installed packages carry; nothing is downloaded."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ros2_captioner.errors import FrameError


class Photograph(NamedTuple):
    """A photograph that a package ships.

    Attributes:
        package: to import.
        file: path inside the package.
        shows: what a person says.
        author: or where the package has it from.
        licence: as the package states it.
    """

    package: str
    file: str
    shows: str
    author: str
    licence: str


_SKIMAGE, _SKLEARN = "skimage", "sklearn"
PHOTOGRAPHS = (
    Photograph(_SKIMAGE, "data/astronaut.png", "an astronaut", "NASA", "public domain"),
    Photograph(_SKIMAGE, "data/brick.png", "a brick wall", "CC0Textures", "CC0"),
    Photograph(_SKIMAGE, "data/camera.png", "a man with a camera", "Lav Varshney", "CC0"),
    Photograph(_SKIMAGE, "data/chelsea.png", "a cat", "Stefan van der Walt", "CC0"),
    Photograph(_SKIMAGE, "data/coffee.png", "a cup of coffee", "Rachel Michetti", "CC0"),
    Photograph(
        _SKIMAGE,
        "data/coins.png",
        "old coins",
        "Brooklyn Museum Collection",
        "no known copyright restrictions",
    ),
    Photograph(
        _SKIMAGE,
        "data/motorcycle_left.png",
        "a motorcycle in a garage",
        "Middlebury 2014 stereo benchmark (Nesic, Westling, Wang, Kitajima, Krathwohl, Scharstein)",
        "none stated; published for research",
    ),
    Photograph(_SKIMAGE, "data/rocket.jpg", "a rocket launch", "SpaceX", "public domain"),
    Photograph(
        _SKLEARN, "datasets/images/china.jpg", "a temple", "danielbuechele on Flickr", "CC BY 2.0"
    ),
    Photograph(
        _SKLEARN, "datasets/images/flower.jpg", "a flower", "vultilion on Flickr", "CC BY 2.0"
    ),
)


def collect_photographs(folder: Path) -> None:
    """Copy the photographs of the installed packages to a folder.

    Raises:
        FrameError: none of the packages is installed.
    """
    for photograph in PHOTOGRAPHS:
        file = _file_of(photograph)
        if file is not None:
            shutil.copy(file, folder / file.name)
    if not any(folder.iterdir()):
        raise FrameError(
            "no_source",
            "found no package with photographs; type: pip install 'ros2_captioner[demo]', or "
            "name a folder of your own with --photographs",
        )


def _file_of(photograph: Photograph) -> Path | None:
    """The file, found without importing its package."""
    spec = find_spec(photograph.package)
    for location in (spec.submodule_search_locations or []) if spec else []:
        file = Path(location) / photograph.file
        if file.is_file():
            return file
    return None
