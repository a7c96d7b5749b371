"""TensorBoard log of a run: every epoch's scores, and a few images with captions and attention.

tensorboard --logdir runs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from ros2_captioner.captions import Caption
from ros2_captioner.command_line.text import in_line
from ros2_captioner.drawing.figure import attention_figure
from ros2_captioner.images.files import read_image
from training.data.captions import CaptionedImage


class Logbook:
    """Writes a run's log.

    Args:
        folder: of the log.
        images: shown after each epoch, with what the model says of them.
    """

    def __init__(self, folder: Path, images: Sequence[CaptionedImage]) -> None:
        self._folder, self._images = folder, images

    def write(self, entry: Mapping[str, Any], captions: Sequence[Caption]) -> None:
        """Add an epoch: what is to be plotted of it, and the captions of the images shown."""
        epoch = entry["epoch"]
        # A run that resumes repeats its epoch; what an interrupted one logged of it is purged.
        with SummaryWriter(str(self._folder), purge_step=epoch) as writer:
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
