"""The proof that a bundle's graphs caption as the torch model does."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path

from ros2_captioner.captioner import Captioner
from training.config.settings import ConfigError
from training.data.captions import CaptionedImage
from training.optimisation.run import Run
from training.scoring.bundle_captions import caption_images
from training.scoring.decode import caption_batches, prepared_images

_BEAMS = (1, 3, 5)


def prove(
    run: Run,
    bundle: Path,
    precisions: Sequence[str],
    sources: Collection[Sequence[CaptionedImage]],
    count: int,
) -> None:
    """Caption validation images with torch and with the graphs on every runtime that is here.

    Args:
        run: whose torch model says what is expected.
        bundle: folder of the graphs.
        precisions: variants to compare; float32 must give every caption word for word.
        sources: validation images of each.
        count: of images, in all.

    Raises:
        ConfigError: a caption of the float32 graphs differs.
    """
    # As many of each source, so that no kind of image goes without proof.
    each = -(-count // len(sources))
    images = [image for source in sources for image in source[:each]]
    prepared = list(prepared_images(run.model, images, run.config))
    searches = [
        dataclasses.replace(run.config.validation.decoding, beam_width=width) for width in _BEAMS
    ]
    expected = [
        caption_batches(run.model.decoder, prepared, run.vocabulary, search) for search in searches
    ]
    for backend, precision in product(_runtimes(), precisions):
        captioner = Captioner.load(bundle, backend, precision, "cpu")
        for search, captions in zip(searches, expected, strict=True):
            found = caption_images(captioner, images, search)
            same = [one.text == other.text for one, other in zip(captions, found, strict=True)]
            equal = f"{sum(same)} of {len(same)} captions equal torch's word for word"
            print(f"{precision} on {backend}, beam {search.beam_width}: {equal}")
            if precision == "float32" and not all(same):
                place = same.index(False)
                raise ConfigError(
                    f"the float32 graphs on {backend} differ from torch on "
                    f"{images[place].path.name}: found {found[place].text!r}, expected "
                    f"{captions[place].text!r}; nothing was written to the output"
                )


def _runtimes() -> list[str]:
    """Those of the run time that are installed here."""
    return [name for name in ("onnxruntime", "openvino") if find_spec(name)]
