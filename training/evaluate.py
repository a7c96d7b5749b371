"""Score a bundle, or a run's torch model, on a split with pycocoevalcap.

python -m training.evaluate --bundle BUNDLE --config training/configs/flickr8k.yaml
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.bundle import MANIFEST
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import CaptionerError
from ros2_captioner.preprocess import read_picture
from training.captions_data import CaptionedPicture, read_split
from training.config import ConfigError, load_config
from training.decode import decode_batches
from training.manifest import write_manifest
from training.metrics import MetricsError, score_captions, signature
from training.run import Run, load_run
from training.stages import prepared_pictures

_BATCH = 10


def main() -> int:
    """Entry point; returns the exit status."""
    arguments = _parser().parse_args()
    try:
        _evaluate(arguments)
    except (ConfigError, CaptionerError, MetricsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate",
        description="Caption the pictures of a split and print BLEU-1..4, METEOR, ROUGE-L and "
        "CIDEr with their signature. Needs Java for the tokeniser and METEOR.",
    )
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("--bundle", type=Path, help="model bundle, run through ONNX Runtime")
    subject.add_argument("--run", type=Path, help="run folder, through torch")
    parser.add_argument("--config", type=Path, required=True, help="YAML that names the data")
    parser.add_argument(
        "--set", action="append", metavar="SECTION.KEY=VALUE", help="override the config"
    )
    parser.add_argument("--split", choices=("val", "train"), default="val")
    parser.add_argument("--precision", default="auto", help="variant of the bundle")
    parser.add_argument("--beam-width", type=int, default=3)
    parser.add_argument("--length-penalty", type=float, help="default: the bundle's or the run's")
    parser.add_argument("--limit", type=int, help="score only the first N pictures")
    parser.add_argument("--captions", type=Path, help="write the captions as JSON")
    parser.add_argument(
        "--record", action="store_true", help="write the scores into the bundle's manifest"
    )
    return parser


def _evaluate(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    pictures = read_split(config.data, arguments.split)[: arguments.limit]
    changes: dict[str, Any] = {"beam_width": arguments.beam_width}
    if arguments.length_penalty is not None:
        changes["length_penalty"] = arguments.length_penalty
    if arguments.bundle:
        captioner = Captioner.load(arguments.bundle, precision=arguments.precision)
        options = dataclasses.replace(captioner.default_options(), **changes)
        texts = caption_pictures(captioner, pictures, options)
        runtime = f"{captioner.backend.name} {captioner.backend.precision}"
    else:
        run = load_run(arguments.run)
        default = DecodingOptions(length_penalty=run.config.validation.length_penalty)
        options = dataclasses.replace(default, **changes)
        texts = _torch_captions(run, pictures, options)
        runtime = "torch float32"
    scores = score_captions(texts, [picture.captions for picture in pictures])
    mark = signature(
        f"{config.name} {arguments.split}",
        len(pictures),
        options.beam_width,
        options.length_penalty,
    )
    for name, value in scores.items():
        print(f"{name:8} {value:.4f}")
    print(f"distinct captions {len(set(texts))} of {len(texts)}")
    print(f"signature: {mark}, {runtime}")
    if arguments.captions:
        named = {p.path.name: text for p, text in zip(pictures, texts, strict=True)}
        arguments.captions.write_text(json.dumps(named, indent=1), encoding="utf-8")
    if arguments.record:
        _record(arguments.bundle, captioner.backend.precision, scores, mark)


def caption_pictures(
    captioner: Captioner, pictures: Sequence[CaptionedPicture], options: DecodingOptions
) -> list[str]:
    """The bundle's caption of every picture, exactly as the run time makes it."""
    texts: list[str] = []
    with tqdm(total=len(pictures), desc="captions", unit="picture") as bar:
        for first in range(0, len(pictures), _BATCH):
            batch = pictures[first : first + _BATCH]
            frames = [read_picture(str(picture.path)) for picture in batch]
            texts += [caption.text for caption in captioner.caption(frames, options).captions]
            bar.update(len(batch))
    return texts


def _torch_captions(
    run: Run, pictures: list[CaptionedPicture], options: DecodingOptions
) -> list[str]:
    prepared = prepared_pictures(run.model, pictures, run.config)
    bar = tqdm(prepared, total=-(-len(pictures) // run.config.validation.batch), desc="captions")
    return decode_batches(run.model.decoder, bar, run.vocabulary, options)


def _record(bundle: Path, precision: str, scores: dict[str, float], mark: str) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    manifest["metrics"][precision] = {
        **{name: round(value, 4) for name, value in scores.items()},
        "signature": mark,
    }
    write_manifest(bundle, manifest)


if __name__ == "__main__":
    sys.exit(main())
