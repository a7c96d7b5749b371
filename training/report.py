"""An HTML page with a bundle's best and worst captions, their references and attention.

python -m training.report --bundle BUNDLE --config training/configs/flickr8k.yaml --output page.html
"""

from __future__ import annotations

import argparse
import html
import sys
from collections.abc import Sequence

import numpy as np

from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import at_least_one, user_path
from ros2_captioner.drawing.figure import attention_figure
from ros2_captioner.images.data_uri import jpeg_uri
from ros2_captioner.images.files import read_image
from ros2_captioner.output_files import check_output, replace_file
from training.config.arguments import add_config
from training.config.file import load_config
from training.data.captions import CaptionedImage
from training.data.sources import SCORED, image_files, read_scored, source_files
from training.scoring.bundle_captions import caption_images
from training.scoring.calibration import calibration_error, reliability_of
from training.scoring.metrics import cider_each
from training.scoring.truth import worst_first

_STYLE = """
body { font: 15px/1.4 sans-serif; max-width: 1340px; margin: 2em auto; padding: 0 1em; color: #222 }
section { margin: 0 0 2em; border-top: 1px solid #ccc; padding-top: 1em }
svg { border: 1px solid #ccc; margin: 0 8px; overflow: visible } /* for half a bar at 0 and 1 */
img { max-width: 100% } ul { margin: .3em 0; color: #555 } b { font-size: 17px }
"""


@command(failed=2)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parsed = _parser().parse_args(arguments)
    config = load_config(parsed.config, parsed.set)
    # Said now, not after captioning.
    read = [parsed.config, *source_files(config.data), *parsed.bundle.glob("*")]
    check_output("--output", parsed.output, read)
    sources = read_scored(config.data, parsed.split)
    check_output("--output", parsed.output, image_files(sources))
    captioned = [source for source in sources.values() if source[0].captions]
    images = [image for source in captioned for image in source[: parsed.limit]]
    captioner = Captioner.load(parsed.bundle, "onnxruntime", parsed.precision, "cpu")
    page = report(captioner, images, parsed.count, f"{config.name} {parsed.split}")
    # An image's name may not be UTF-8.
    replace_file(parsed.output, page.encode(errors="backslashreplace"))
    print(f"wrote {parsed.output}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.report",
        description="Write an HTML page, complete in itself, with the captions of a split that "
        "score best in CIDEr, of those that invent most, and a reliability diagram.",
    )
    parser.add_argument("--bundle", type=user_path, required=True, help="model bundle")
    add_config(parser, "the data")
    parser.add_argument("--split", choices=SCORED, default="val", help="default: %(default)s")
    parser.add_argument("--precision", default="auto", help="variant of the bundle (default: auto)")
    parser.add_argument("--limit", type=at_least_one, help="only the first N of each source")
    parser.add_argument(
        "--count", type=at_least_one, default=15, help="of best and of worst each (default: 15)"
    )
    parser.add_argument("--output", type=user_path, required=True, help="file to write")
    return parser


def report(captioner: Captioner, images: Sequence[CaptionedImage], count: int, title: str) -> str:
    """The page: ``count`` best captions by CIDEr, then as many worst, most inventions first."""
    captions = caption_images(captioner, images, captioner.default_options())
    texts = [caption.text for caption in captions]
    references = [image.captions for image in images]
    scores = cider_each(texts, references)
    best = np.argsort(scores)[::-1][:count]
    worst = worst_first(texts, references, scores)[:count]
    parts = [
        f"<h1>{html.escape(title)}: mean CIDEr {np.mean(scores):.3f}</h1><p>Over the "
        f"{len(images)} images of all sources together, by plain tokens; training.evaluate scores "
        "each source by itself.</p>"
    ]
    parts.append(_reliability(captions, references))
    for heading, places in (("Best", best), ("Worst: inventions first", worst)):
        parts.append(f"<h2>{heading}</h2>")
        parts += [_section(images[i], captions[i], scores[i]) for i in places]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n{body}\n</html>\n"
    )


def _reliability(captions: Sequence[Caption], references: Sequence[Sequence[str]]) -> str:
    """A diagram: for each span of confidence the share of captions that name nothing absent."""
    bins = reliability_of(captions, references)
    if not bins:
        return ""
    bars = "".join(
        f"<rect x='{one.confidence * 300 - 8:.0f}' y='{300 - one.true * 300:.0f}' width='16' "
        f"height='{one.true * 300:.0f}' fill='#69c'><title>{one.captions} captions</title></rect>"
        for one in bins
    )
    return (
        f"<h2>Reliability: calibration error {calibration_error(bins):.3f}</h2><p>Across: "
        "confidence from 0 to 1. Up: share of the captions that name nothing absent. On the line "
        "the two agree.</p><svg width='300' height='300'>"
        f"{bars}<line y1='300' x2='300' stroke='#c33'/></svg>"
    )


def _section(image: CaptionedImage, caption: Caption, score: float) -> str:
    frame = read_image(image.path)
    references = "".join(f"<li>{html.escape(text)}</li>" for text in image.captions)
    return (
        f"<section><b>{html.escape(caption.text)}</b> &middot; CIDEr {score:.2f} &middot; "
        f"{html.escape(image.path.name)}<ul>{references}</ul>"
        f"<img src='{jpeg_uri(attention_figure(frame, caption))}' "
        "alt='where the model looked for each word'></section>"
    )


if __name__ == "__main__":
    sys.exit(main())
