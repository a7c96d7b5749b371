"""Score a bundle, or a run's torch model, on a split with pycocoevalcap.

python -m training.evaluate --bundle BUNDLE --config training/configs/flickr8k.yaml
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from tqdm import tqdm

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.bundle import MANIFEST
from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import at_least_one, user_path
from ros2_captioner.options import declarations
from ros2_captioner.output_files import check_output, replace_file
from training.bundle.record import record_scores
from training.config.arguments import add_config
from training.config.file import load_config
from training.config.settings import SEARCH, ConfigError, DataConfig
from training.data.captions import CaptionedImage
from training.data.corruptions import CORRUPTIONS
from training.data.sources import SCORED, image_files, read_scored, source_files
from training.optimisation.run import Run, load_run
from training.scoring.bundle_captions import caption_images
from training.scoring.decode import caption_batches, prepared_images
from training.scoring.java import has_java, require_java
from training.scoring.metrics import ptb_tokens
from training.scoring.source_scores import SourceScores, score_source

_SEARCH_OPTIONS = {each.name: each for each in declarations(DecodingOptions) if each.name in SEARCH}


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    _evaluate(_parser().parse_args(arguments))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate",
        description="Caption the images of a split and print BLEU-1..4, METEOR, ROUGE-L and "
        "CIDEr with their signature. Without Java the plain tokeniser is used and METEOR left out.",
    )
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument(
        "--bundle", type=user_path, help="model bundle, run through ONNX Runtime on the CPU"
    )
    subject.add_argument(
        "--run",
        type=user_path,
        nargs="+",
        default=[],
        help="run folder, through torch; of several, as of several seeds, mean and deviation too",
    )
    add_config(parser, "the data")
    parser.add_argument("--split", choices=SCORED, default="val", help="default: %(default)s")
    parser.add_argument("--precision", default="auto", help="variant of the bundle (default: auto)")
    for name, declaration in _SEARCH_OPTIONS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            nargs="+",
            help="several are all tried; default: the model's own",
            **declaration.argument(),
        )
    parser.add_argument(
        "--corruption", choices=CORRUPTIONS, help="corrupt the images as a robot's camera does"
    )
    parser.add_argument(
        "--spice", action="store_true", help="SPICE too: fetches 400 MB once, needs Java 8 to 11"
    )
    parser.add_argument(
        "--limit",
        type=at_least_one,
        metavar="N",
        help="score only the first N images of each source",
    )
    parser.add_argument(
        "--captions",
        type=user_path,
        help="write JSON: of each model and search its signature, and captions by images' paths",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the scores into the bundle's manifest, and the search as its default",
    )
    return parser


def _evaluate(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.set)
    # Said now, not after all images have been captioned.
    _check_alone(arguments)
    _check_captions(arguments, config.data)
    sources = read_scored(config.data, arguments.split)
    if arguments.captions:
        check_output("--captions", arguments.captions, image_files(sources))
    sources = {name: images[: arguments.limit] for name, images in sources.items()}
    _check_java(arguments)
    # All of them first: one that is not there would lose the others' captions.
    subjects = [_run(folder) for folder in arguments.run] or [_bundle(arguments)]
    searched = [
        _Searched(subject, options, _score_sources(subject, options, sources, arguments))
        for subject in subjects
        for options in _searches(subject.default, arguments)
    ]
    if arguments.captions:
        _write_captions(arguments.captions, searched)
    if arguments.record:
        (only,) = searched  # see `_check_alone`
        record_scores(arguments.bundle, only.subject.precision, only.options, only.scored)
    if len(subjects) > 1:
        _show_spreads([one for search in searched for one in search.scored])


class _Searched(NamedTuple):
    """What one search of a bundle or a run found, source by source."""

    subject: _Subject
    options: DecodingOptions
    scored: list[SourceScores]


def _score_sources(
    subject: _Subject,
    options: DecodingOptions,
    sources: Mapping[str, Sequence[CaptionedImage]],
    arguments: argparse.Namespace,
) -> list[SourceScores]:
    """Caption and score every source, and print each one's scores when they are there."""
    corrupted = f" under {arguments.corruption}" if arguments.corruption else ""
    split = f"{arguments.split}{corrupted}"
    scored = []
    for name, images in sources.items():
        captions = subject.captions(images, options)
        one = score_source(name, split, images, captions, options, with_spice=arguments.spice)
        _show(one.values)
        print(f"signature: {one.signature}, {subject.runtime}, {subject.folder}")
        scored.append(one)
    return scored


def _write_captions(file: Path, searched: Sequence[_Searched]) -> None:
    written = [
        {
            "model": str(search.subject.folder),
            "signature": one.signature,
            "captions": dict(zip((str(i.path) for i in one.images), one.texts, strict=True)),
        }
        for search in searched
        for one in search.scored
    ]
    text = json.dumps(written, indent=1, ensure_ascii=False)
    # A name that is not UTF-8 is left as JSON's escape of it.
    replace_file(file, text.encode(errors="backslashreplace"))


def _check_alone(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    several = any(len(getattr(arguments, name) or ()) > 1 for name in _SEARCH_OPTIONS)
    partial = arguments.corruption or arguments.limit or arguments.split != "val"
    if arguments.record and (several or partial or arguments.run):
        raise ConfigError(
            "found --record; expected it with a bundle and a single search of the whole validation "
            "split, uncorrupted"
        )
    for option, default in (("corruption", None), ("precision", "auto")):
        if arguments.run and getattr(arguments, option) != default:
            raise ConfigError(f"found --{option} with --run; expected it with --bundle")


def _check_captions(arguments: argparse.Namespace, data: DataConfig) -> None:
    """Refuse to write captions over anything that is read."""
    if arguments.captions:
        folders = arguments.run or [arguments.bundle]
        models = [file for folder in folders for file in folder.glob("*")]
        read = [arguments.config, *source_files(data), *models]
        check_output("--captions", arguments.captions, read)


def _check_java(arguments: argparse.Namespace) -> None:
    """Refuse a Java that does not start, and one that is missing where it is needed."""
    if has_java() or arguments.spice or arguments.record:
        require_java()
        ptb_tokens([["a caption"]])  # a Java may start and still be too old for it
    else:
        print("found no Java: METEOR is left out, the tokens are not the Penn Treebank's")


def _show(values: dict[str, float]) -> None:
    for name, value in values.items():
        print(f"{name:17} {value:.4f}")


def _show_spreads(scored: Sequence[SourceScores]) -> None:
    """Of each source and search, the spread over runs."""
    for mark in dict.fromkeys(one.signature for one in scored):
        _show_spread([one.values for one in scored if one.signature == mark], mark)


def _show_spread(values_each: list[dict[str, float]], mark: str) -> None:
    """Mean and deviation of what all these runs have; of some measures nothing was counted."""
    if len(values_each) > 1:
        print(f"{len(values_each)} runs: mean and sample standard deviation")
        for name in values_each[0]:
            each = [values[name] for values in values_each if name in values]
            if len(each) == len(values_each):
                print(f"{name:17} {mean(each):.4f} {stdev(each):.4f}")
    else:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in _SEARCH_OPTIONS)
        print(
            f"1 run alone searched as follows: for mean and deviation give all the same {options}"
        )
    print(f"signature: {mark}")


class _Subject(NamedTuple):
    """What is evaluated: a bundle or a run."""

    captions: Callable[[Sequence[CaptionedImage], DecodingOptions], list[Caption]]
    default: DecodingOptions
    runtime: str
    folder: Path
    precision: str


def _bundle(arguments: argparse.Namespace) -> _Subject:
    # Of runtimes that take over from one another no signature could tell.
    captioner = Captioner.load(arguments.bundle, "onnxruntime", arguments.precision, "cpu")
    if arguments.record:
        check_output("--record", arguments.bundle / MANIFEST)
    backend = captioner.backend
    return _Subject(
        functools.partial(caption_images, captioner, corruption=arguments.corruption),
        captioner.default_options(),
        f"{backend.name} {backend.precision}",
        arguments.bundle,
        backend.precision,
    )


def _run(folder: Path) -> _Subject:
    run = load_run(folder)
    return _Subject(
        functools.partial(_torch_captions, run),
        run.config.validation.decoding,
        "torch float32",
        folder,
        "float32",
    )


def _searches(default: DecodingOptions, arguments: argparse.Namespace) -> list[DecodingOptions]:
    """Every combination of what was asked for."""
    tried = [getattr(arguments, name) or [getattr(default, name)] for name in _SEARCH_OPTIONS]
    return [
        dataclasses.replace(default, **dict(zip(_SEARCH_OPTIONS, values, strict=True)))
        for values in product(*tried)
    ]


def _torch_captions(
    run: Run, images: Sequence[CaptionedImage], options: DecodingOptions
) -> list[Caption]:
    prepared = prepared_images(run.model, images, run.config)
    bar = tqdm(prepared, total=-(-len(images) // run.config.validation.batch), desc="captions")
    return caption_batches(run.model.decoder, bar, run.vocabulary, options)


if __name__ == "__main__":
    sys.exit(main())
