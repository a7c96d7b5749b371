"""TensorBoard log of a run: every epoch's scores, and a few images with captions and attention.

tensorboard --logdir runs
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from ros2_captioner.captions import Caption
from ros2_captioner.command_line.text import in_line
from ros2_captioner.drawing.figure import attention_figure
from ros2_captioner.images.files import read_image
from ros2_captioner.output_files import writing
from training.data.captions import CaptionedImage

SHOWN = 4  # validation images


class Logbook:
    """Writes a run's log.

    Args:
        folder: of the log.
        images: shown after each epoch, with what the model says of them.
    """

    def __init__(self, folder: Path, images: Sequence[CaptionedImage]) -> None:
        self._folder, self._images = folder, images

    def write(self, entry: Mapping[str, Any], captions: Sequence[Caption]) -> None:
        """Add an epoch: what is to be plotted of it, and the captions of the images shown.

        Raises:
            OSError: names the folder.
        """
        epoch = entry["epoch"]
        # A run that resumes repeats its epoch; what an interrupted one logged of it is purged.
        with (
            writing(self._folder),
            _silent_threads(),
            SummaryWriter(str(self._folder), purge_step=epoch) as writer,
        ):
            for name, value in entry.items():
                if isinstance(value, float):
                    writer.add_scalar(name, value, epoch)
            shown = zip(self._images, captions, strict=True)
            for place, (image, caption) in enumerate(shown, start=1):
                figure = attention_figure(read_image(image.path), caption)
                # Images of two folders may have one name, which may not be UTF-8.
                name = f"{place} {in_line(image.path.name)}"
                writer.add_image(name, figure, epoch, dataformats="HWC")
                writer.add_text(name, caption.text, epoch)


@contextmanager
def _silent_threads() -> Iterator[None]:
    """The writer's thread prints the traceback of an error that its caller gets as well."""
    printing = threading.excepthook
    threading.excepthook = lambda _: None
    try:
        yield
    finally:
        threading.excepthook = printing
