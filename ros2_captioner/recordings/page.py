"""Moments that were found, as one web page that carries its pictures."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.captions import in_percent
from ros2_captioner.errors import CaptionerError, OptionsError
from ros2_captioner.images.bag import ImageBag
from ros2_captioner.images.data_uri import jpeg_uri
from ros2_captioner.images.files import read_image
from ros2_captioner.images.sources import shrink
from ros2_captioner.output_files import replace_file
from ros2_captioner.recordings.bag_frames import decoded
from ros2_captioner.recordings.rows import Row, place, sureness
from ros2_captioner.recordings.search import Hit

_BEGIN = "<!doctype html>"
_SIDE = 480  # pixels; twice what is shown, for dense screens
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 72rem; overflow-wrap: anywhere; padding: 0 1rem; }
ol { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr));
     list-style: none; padding: 0; }
li { break-inside: avoid; }
figure { margin: 0; }
img, .missing { aspect-ratio: 4 / 3; background: #8882; border-radius: .4rem; display: block;
                object-fit: contain; width: 100%; }
.missing { align-content: center; box-sizing: border-box; overflow: auto; padding: 1rem; }
figcaption strong { display: block; margin-top: .4rem; }
small { display: block; opacity: .75; }
"""


def check_page(target: Path) -> None:
    """Refuse to replace what is no page, such as a picture that captions name.

    Raises:
        OptionsError: names the file.
    """
    if not target.is_file():  # new, or a device
        return
    with open(target, "rb") as stream:
        begin = stream.read(len(_BEGIN))
    if begin and begin != _BEGIN.encode():
        raise OptionsError(
            f"{target} is there and is no page of this command; expected a new file, or a page "
            "that may be replaced"
        )


def write_page(target: Path, query: str, hits: Sequence[Hit]) -> None:
    """Write the page; where a picture cannot be found, it says why.

    Raises:
        OSError: the target cannot be written.
    """
    items = "\n".join(map(_item, hits, _images(hits)))
    found = f"<ol>\n{items}\n</ol>" if hits else "<p>No caption has any of these words.</p>"
    page = (
        f'{_BEGIN}\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(query)}</title>\n<style>{_STYLE}</style>\n"
        f"<h1>{escape(query)}</h1>\n{found}\n</html>\n"
    )
    # Names of files may hold bytes that are no text.
    replace_file(target, page.encode(errors="backslashreplace"))


def _item(hit: Hit, image: str) -> str:
    row = hit.row
    seen = ", ".join(
        f"{each['word']} {in_percent(each['probability'])}" for each in row.get("objects", ())
    )
    lines = (sureness(row), place(row), f"sees {seen}" if seen else "")
    small = "".join(f"<small>{escape(line)}</small>" for line in lines if line)
    return (
        f"<li><figure>{image}<figcaption><strong>{escape(row['caption'])}</strong>{small}"
        "</figcaption></figure></li>"
    )


def _images(hits: Sequence[Hit]) -> list[str]:
    """The picture of each hit, or why there is none.

    Those of one bag together: to open it takes seconds where its files are compressed.
    """
    numbers_of: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for number, (row, file) in enumerate(hits):
        numbers_of[file, row.get("recording"), row.get("camera")].append(number)
    images: dict[int, str] = {}
    for numbers in numbers_of.values():
        with ExitStack() as hold:
            opened = functools.cache(functools.partial(ImageBag, hold=hold))
            images |= {number: _image(hits[number], opened) for number in numbers}
    return [images[number] for number in range(len(hits))]


def _image(hit: Hit, opened: Callable[..., ImageBag]) -> str:
    try:
        picture = shrink(_picture(hit.row, hit.file, opened), _SIDE)
    except (CaptionerError, OSError) as error:
        return f'<div class="missing"><small>{escape(str(error))}</small></div>'
    return f'<img src="{jpeg_uri(picture)}" alt="{escape(hit.row["caption"])}">'


def _picture(row: Row, captions: Path, opened: Callable[..., ImageBag]) -> NDArray[np.uint8]:
    """The picture of a caption, uint8 ``[height, width, 3]`` RGB."""
    if "picture" in row:
        return read_image(_found(row["picture"], captions))
    bag = opened(str(_found(row["recording"], captions)), (row["camera"],))
    recorded = bag.message_at(row["camera"], row["time_ns"])
    return decoded(recorded, bag.types[recorded.topic]).picture


def _found(name: str, captions: Path) -> Path:
    """What a caption names, beside the captions or here.

    There first: numbered pictures are called alike in every folder.
    """
    candidates = (captions.absolute().parent / name, Path(name))
    if found := next((path for path in candidates if path.exists()), None):
        return found
    raise OptionsError(f"found no {name} beside {captions}, nor here; expected what was captioned")
