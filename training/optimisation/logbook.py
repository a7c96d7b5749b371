"""TensorBoard log of a run: every epoch's scores, and a few pictures with captions and attention.

tensorboard --logdir runs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from ros2_captioner.captions import Caption
from ros2_captioner.figure import attention_figure
from ros2_captioner.images.files import read_image
from training.data.captions import CaptionedPicture


class Logbook:
    """Writes a run's log.

    Args:
        folder: of the log.
        pictures: shown after each epoch, with what the model says of them.
    """

    def __init__(self, folder: Path, pictures: Sequence[CaptionedPicture]) -> None:
        self._folder, self._pictures = folder, pictures

    def write(self, entry: Mapping[str, Any], captions: Sequence[Caption]) -> None:
        """Add an epoch: what is to be plotted of it, and the captions of the pictures shown."""
        epoch = entry["epoch"]
        # A run that resumes repeats its epoch; what an interrupted one logged of it is purged.
        with SummaryWriter(str(self._folder), purge_step=epoch) as writer:
            for name, value in entry.items():
                if isinstance(value, float):
                    writer.add_scalar(name, value, epoch)
            for picture, caption in zip(self._pictures, captions, strict=True):
                figure = attention_figure(read_image(str(picture.path)), caption)
                writer.add_image(picture.path.name, figure, epoch, dataformats="HWC")
                writer.add_text(picture.path.name, caption.text, epoch)
