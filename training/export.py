"""Export a trained run to a model bundle, and prove that the graphs caption as torch does.

python -m training.export --run runs/flickr8k --output bundles/flickr8k
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.bundle import MANIFEST, VOCABULARY
from ros2_captioner.bundle.signatures import signature_file
from ros2_captioner.captioner import Captioner
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import at_least_one, user_path
from ros2_captioner.output_files import check_output, only_writer, replace_file, unfinished, writing
from training.bundle.graphs import export_graphs
from training.bundle.manifest import build_manifest, write_manifest
from training.bundle.model_card import CARD
from training.bundle.quantise import quantise_decoder, quantise_encoder
from training.config.settings import ConfigError, DataConfig
from training.data.frames import read_frames
from training.data.sources import read_training, read_validation
from training.optimisation.run import CONFIG, Run, load_run
from training.scoring.bundle_captions import caption_images
from training.scoring.decode import decode_batches, prepared_images

PRECISIONS = ("float16", "int8", "float32")
_PROOF_BEAMS = (1, 3, 5)


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
    with _work_folder(output) as work:
        _write_bundle(run, work, precisions, calibration, proof)
        _replace(output, work)
    size = sum(file.stat().st_size for file in output.iterdir()) / 2**20
    typed = shlex.join(["--bundle", str(output), "--config", str(run_folder / CONFIG)])
    print(f"wrote {output} ({size:.1f} MiB); now: python -m training.evaluate {typed}")


@contextmanager
def _work_folder(output: Path) -> Iterator[Path]:
    """A folder beside the output, empty whatever an export has left there that was killed."""
    beside = unfinished(output)
    beside.mkdir(exist_ok=True)
    work = beside / output.name
    try:
        with only_writer(beside, output):
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                yield work
            finally:
                shutil.rmtree(work)
    finally:
        with suppress(OSError):  # another export has begun in it
            beside.rmdir()


def refuse_to_replace(output: Path) -> None:
    """Only an old bundle, with nothing else in it, or an empty folder may be replaced.

    Raises:
        ConfigError: ``output`` is anything else.
    """
    if not os.path.lexists(output) or (output.is_dir() and not any(output.iterdir())):
        return
    # A bundle has no folders; what they hold is not its own.
    held = {path.name + "/" * path.is_dir() for path in output.iterdir()} if output.is_dir() else ()
    found = set(held) or {output.name}
    others = sorted(found - _bundle_files(output))
    if others:
        raise ConfigError(
            f"{output} is no bundle alone: found {others[0]!r} there; expected a new folder, or a "
            "bundle to replace: choose another --output"
        )


def _bundle_files(folder: Path) -> set[str]:
    """Names of the files that a bundle has; of what is none, nothing."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = manifest["schema"] and manifest["variants"] and manifest["files"]
        return {MANIFEST, signature_file(folder / MANIFEST).name, CARD, *files}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _replace(output: Path, work: Path) -> None:
    """Move a bundle's files to where it belongs, which may be a mounted folder.

    The old manifest goes first and the new one comes last: without it, a half is no bundle. What
    somebody else has put there since the export began stays.
    """
    output.mkdir(exist_ok=True)
    old = _bundle_files(output)
    for file in sorted(output.iterdir(), key=lambda file: file.name != MANIFEST):
        if file.name in old:
            file.unlink(missing_ok=True)
    for file in sorted(work.iterdir(), key=lambda file: file.name == MANIFEST):
        shutil.move(file, output / file.name)


def _write_bundle(
    run: Run, work: Path, precisions: Sequence[str], calibration: int, proof: int
) -> None:
    """Write and prove a bundle in an empty folder."""
    _check_data(run.config.data, precisions)
    replace_file(work / VOCABULARY, run.vocabulary.to_json().encode())
    decoding = run.config.validation.decoding
    # The float32 graphs are always made: int8 is quantised from them, and the proof needs them.
    variants = {name: _file_names(name) for name in ("float32", *precisions)}
    for name in variants:
        print(f"exporting {name}")
        with writing(work):  # what fails beneath names no file
            _write_variant(run, work, name, variants, calibration)
    manifest = build_manifest(run, work, variants, decoding)
    write_manifest(work, manifest)
    _prove(run, work, decoding, list(variants), proof)
    if "float32" not in precisions:
        for file in variants.pop("float32").values():
            (work / file).unlink()
            del manifest["files"][file]
        write_manifest(work, manifest)


def _check_data(data: DataConfig, precisions: Sequence[str]) -> None:
    """Miss the images of proof and calibration now, not after minutes of quantising."""
    read_validation(data)
    if "int8" in precisions:
        read_training(data)


def _file_names(precision: str) -> dict[str, str]:
    return {part: f"{part}.{precision}.onnx" for part in ("encoder", "decoder")}


def _write_variant(
    run: Run, folder: Path, precision: str, variants: dict[str, dict[str, str]], calibration: int
) -> None:
    encoder, decoder = (folder / variants[precision][part] for part in ("encoder", "decoder"))
    if precision == "int8":
        float32 = variants["float32"]
        # Ranges from more images would be those of rarer outliers, in coarser steps.
        ranges = _calibration_frames(run, max(1, calibration // 10))
        frames = _calibration_frames(run, calibration)
        quantise_encoder(folder / float32["encoder"], encoder, ranges, frames)
        quantise_decoder(folder / float32["decoder"], decoder)
        return
    model = copy.deepcopy(run.model)
    model = model.half() if precision == "float16" else model
    export_graphs(model, run.config.model.image_size, encoder, decoder)


def _calibration_frames(run: Run, count: int) -> list[NDArray[np.uint8]]:
    """Frames spread evenly over the training split, eight at a time."""
    images = read_training(run.config.data).images
    count = min(count, len(images))
    chosen = [images[place * len(images) // count] for place in range(count)]
    size = run.config.model.image_size
    return [
        read_frames([image.path for image in chosen[first : first + 8]], size)
        for first in range(0, len(chosen), 8)
    ]


def _prove(
    run: Run, bundle: Path, options: DecodingOptions, precisions: Sequence[str], count: int
) -> None:
    sources = read_validation(run.config.data).values()
    # As many of each source, so that no kind of image goes without proof.
    each = -(-count // len(sources))
    images = [image for source in sources for image in source[:each]]
    prepared = list(prepared_images(run.model, images, run.config))
    searches = [dataclasses.replace(options, beam_width=width) for width in _PROOF_BEAMS]
    expected = [
        decode_batches(run.model.decoder, prepared, run.vocabulary, search) for search in searches
    ]
    for backend, precision in product(_runtimes(), precisions):
        captioner = Captioner.load(bundle, backend, precision, "cpu")
        for search, texts in zip(searches, expected, strict=True):
            found = caption_images(captioner, images, search)
            same = [one == other.text for one, other in zip(texts, found, strict=True)]
            equal = f"{sum(same)} of {len(same)} captions equal torch's word for word"
            print(f"{precision} on {backend}, beam {search.beam_width}: {equal}")
            if precision == "float32" and not all(same):
                place = same.index(False)
                raise ConfigError(
                    f"the float32 graphs on {backend} differ from torch on "
                    f"{images[place].path.name}: found {found[place].text!r}, expected "
                    f"{texts[place]!r}; nothing was written to the output"
                )


def _runtimes() -> list[str]:
    """Those of the run time that are installed here."""
    return [name for name in ("onnxruntime", "openvino") if find_spec(name)]


if __name__ == "__main__":
    sys.exit(main())
