"""Export a trained run to a model bundle, and prove that the graphs caption as torch does.

python -m training.export --run runs/flickr8k --output bundles/flickr8k
"""

from __future__ import annotations

import argparse
import copy
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.bundle import MANIFEST, VOCABULARY
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import at_least_one, user_path
from ros2_captioner.output_files import check_output, replace_file, writing
from training.bundle.graphs import export_graphs
from training.bundle.manifest import build_manifest, write_manifest
from training.bundle.proof import prove
from training.bundle.quantise import quantise_decoder, quantise_encoder
from training.bundle.replacing import refuse_to_replace, replace_bundle, work_folder
from training.data.captions import CaptionedImage
from training.data.frames import read_frames
from training.data.sources import read_training, read_validation
from training.optimisation.run import CONFIG, Run, load_run

PRECISIONS = ("float16", "int8", "float32")


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parsed = _parser().parse_args(arguments)
    export(parsed.run, parsed.output, parsed.precisions, parsed.calibration, parsed.proof)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.export",
        description="Write a model bundle from the best checkpoint of a run. The graphs are "
        "compared with torch on validation images: float32 must give every caption word for "
        "word.",
    )
    parser.add_argument("--run", type=user_path, required=True, help="folder of training.train")
    parser.add_argument(
        "--output", type=user_path, required=True, help="bundle folder; an old one is replaced"
    )
    parser.add_argument(
        "--precisions",
        nargs="+",
        choices=PRECISIONS,
        default=["float16", "int8"],
        help="variants to carry (default: float16 int8)",
    )
    parser.add_argument(
        "--calibration",
        type=at_least_one,
        default=640,
        metavar="N",
        help="training images that round the int8 encoder's weights; a tenth of them finds its "
        "ranges (default: %(default)s)",
    )
    parser.add_argument(
        "--proof",
        type=at_least_one,
        default=50,
        metavar="N",
        help="validation images that torch and the graphs caption (default: %(default)s)",
    )
    return parser


def export(
    run_folder: Path, output: Path, precisions: Sequence[str], calibration: int, proof: int
) -> None:
    """Write the bundle beside ``output``, prove it, then put it in place.

    Raises:
        ConfigError: ``output`` holds something else than a bundle, there is no run, or the float32
            graphs do not caption as torch does.
    """
    refuse_to_replace(output)
    run = load_run(run_folder)
    output = Path(os.path.realpath(output))  # of "." too, and of a link, the folder has a name
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.exists():
        check_output("--output", output / MANIFEST)
    with work_folder(output) as work:
        _write_bundle(run, work, precisions, calibration, proof)
        replace_bundle(output, work)
    size = sum(file.stat().st_size for file in output.iterdir()) / 2**20
    typed = shlex.join(["--bundle", str(output), "--config", str(run_folder / CONFIG)])
    print(f"wrote {output} ({size:.1f} MiB); now: python -m training.evaluate {typed}")


def _write_bundle(
    run: Run, work: Path, precisions: Sequence[str], calibration: int, proof: int
) -> None:
    """Write and prove a bundle in an empty folder."""
    # Read now: that an image is not there must not come out after minutes of quantising.
    validation = read_validation(run.config.data).values()
    training = read_training(run.config.data).images if "int8" in precisions else []
    replace_file(work / VOCABULARY, run.vocabulary.to_json().encode())
    # The float32 graphs are always made: int8 is quantised from them, and the proof needs them.
    variants = {name: _file_names(name) for name in ("float32", *precisions)}
    for name in variants:
        print(f"exporting {name}")
        with writing(work):  # what fails beneath names no file
            _write_variant(run, work, name, variants, training, calibration)
    manifest = build_manifest(run, work, variants)
    write_manifest(work, manifest)
    prove(run, work, list(variants), validation, proof)
    if "float32" not in precisions:
        for file in variants.pop("float32").values():
            (work / file).unlink()
            del manifest["files"][file]
        write_manifest(work, manifest)


def _file_names(precision: str) -> dict[str, str]:
    return {part: f"{part}.{precision}.onnx" for part in ("encoder", "decoder")}


def _write_variant(
    run: Run,
    folder: Path,
    precision: str,
    variants: dict[str, dict[str, str]],
    images: Sequence[CaptionedImage],
    calibration: int,
) -> None:
    size = run.config.model.image_size
    encoder, decoder = (folder / variants[precision][part] for part in ("encoder", "decoder"))
    if precision == "int8":
        float32 = variants["float32"]
        # Ranges from more images would be those of rarer outliers, in coarser steps.
        ranges = _calibration_frames(images, size, max(1, calibration // 10))
        frames = _calibration_frames(images, size, calibration)
        quantise_encoder(folder / float32["encoder"], encoder, ranges, frames)
        quantise_decoder(folder / float32["decoder"], decoder)
        return
    model = copy.deepcopy(run.model)
    model = model.half() if precision == "float16" else model
    export_graphs(model, size, encoder, decoder)


def _calibration_frames(
    images: Sequence[CaptionedImage], size: int, count: int
) -> list[NDArray[np.uint8]]:
    """Frames spread evenly over the training images, eight at a time."""
    count = min(count, len(images))
    chosen = [images[place * len(images) // count] for place in range(count)]
    return [
        read_frames([image.path for image in chosen[first : first + 8]], size)
        for first in range(0, len(chosen), 8)
    ]


if __name__ == "__main__":
    sys.exit(main())
