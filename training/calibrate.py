"""Fit a bundle's confidence on the validation sources and write it into the manifest.

python -m training.calibrate --bundle BUNDLE --config training/configs/scenes.yaml
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.bundle import MANIFEST
from ros2_captioner.captioner import Captioner, worded
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import user_path
from ros2_captioner.evidence.confidence import FEATURES, ConfidenceModel, confidence_features
from ros2_captioner.evidence.objects import ObjectWords
from ros2_captioner.images.files import read_image
from ros2_captioner.output_files import check_output
from ros2_captioner.preprocess import preprocess_batch
from training.bundle.manifest import write_manifest
from training.config.arguments import add_config
from training.config.file import load_config
from training.config.settings import ConfigError
from training.data.captions import CaptionedImage
from training.data.sources import read_validation
from training.scoring.bundle_captions import batches_of
from training.scoring.calibration import (
    CALIBRATION_ERROR,
    calibration_error,
    fit_confidence,
    kept,
    reliability,
)
from training.scoring.truth import invented

_KEPT = 0.7  # share of captions that the printed min_confidence keeps
_PER_FEATURE = 10  # captions of the rarer kind (Peduzzi et al. 1996)


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    _calibrate(_parser().parse_args(arguments))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.calibrate",
        description="Caption the validation sources and fit, to whether each caption names "
        "anything that no reference does, the probability that the node publishes as confidence. "
        "Needs a model with evidence for words.",
    )
    parser.add_argument("--bundle", type=user_path, required=True, help="model bundle; is changed")
    add_config(parser, "the data")
    parser.add_argument("--precision", default="auto", help="variant of the bundle (default: auto)")
    return parser


def _calibrate(parsed: argparse.Namespace) -> None:
    sources = read_validation(load_config(parsed.config, parsed.set).data)
    captioned = {name: found for name, found in sources.items() if found[0].captions}
    captioner = Captioner.load(parsed.bundle, "onnxruntime", parsed.precision, "cpu")
    check_output("--bundle", parsed.bundle / MANIFEST)
    rows: dict[str, NDArray[np.float64]] = {}
    truths: dict[str, list[bool]] = {}
    for name, images in captioned.items():
        rows[name], truths[name] = _observe(captioner, images)
    section = fit_confidence(list(rows.values()), list(truths.values()))
    manifest = json.loads((parsed.bundle / MANIFEST).read_text(encoding="utf-8"))
    manifest["confidence"] = section
    for scores in manifest["metrics"].values():
        for values in scores.values():
            values.pop(CALIBRATION_ERROR, None)  # of the confidence before
    write_manifest(parsed.bundle, manifest)
    _show_few([one for true in truths.values() for one in true])
    model = ConfidenceModel.of_manifest(manifest)
    assert model is not None
    for name, features in rows.items():
        _show(name, [model.probability(row) for row in features], truths[name])


def _observe(
    captioner: Captioner, images: Sequence[CaptionedImage]
) -> tuple[NDArray[np.float64], list[bool]]:
    """Features of each caption, and whether it names nothing that is absent."""
    rows, true = [], []
    bundle, backend, options = captioner.bundle, captioner.backend, captioner.default_options()
    objects = ObjectWords.of_manifest(bundle.manifest, bundle.vocabulary)
    for batch in batches_of(images):
        frames = [read_image(image.path) for image in batch]
        encoding = backend.encode(preprocess_batch(frames, bundle.image_size))
        evidence = backend.evidence(encoding)
        if evidence is None:
            raise ConfigError(
                f"{bundle.path}: found a model without evidence for words; expected one trained "
                "with model.evidence_words"
            )
        found = captioner.search(encoding, len(batch), options)
        for image, hypotheses, row in zip(batch, found, evidence, strict=True):
            rows.append(confidence_features(hypotheses, row, objects))
            text = worded(hypotheses[0], bundle.vocabulary).text
            true.append(not invented(text, image.captions))
    return np.stack(rows), true


def _show_few(true: Sequence[bool]) -> None:
    """Captions too few to fit a confidence on, which looks the better the fewer they are."""
    expected = _PER_FEATURE * len(FEATURES)
    if min(sum(true), len(true) - sum(true)) < expected:
        print(
            f"found {sum(true)} true captions and {len(true) - sum(true)} untrue ones; expected "
            f"{expected} or more of each: on fewer the confidence follows chance, and what is said "
            "of it here, by the same captions, is too good"
        )


def _show(name: str, confidences: list[float], true: list[bool]) -> None:
    bins = reliability(confidences, true)
    print(f"{name}: {len(true)} captions, {np.mean(true):.3f} of them name nothing absent")
    print("captions  confidence  true")
    for one in bins:
        print(f"{one.captions:8}  {one.confidence:10.3f}  {one.true:.3f}")
    print(f"calibration error {calibration_error(bins):.4f}")
    least = kept(confidences, _KEPT)
    left = [one for one, confidence in zip(true, confidences, strict=True) if confidence >= least]
    print(
        f"min_confidence {least:.2f} keeps {len(left)} of {len(true)}; "
        f"untrue ones fall from {1 - np.mean(true):.3f} to {1 - np.mean(left):.3f}"
    )


if __name__ == "__main__":
    sys.exit(main())
