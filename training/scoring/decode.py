"""Captions from the torch model, through the beam search that the run time uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ros2_captioner.beam_search import DecodingOptions, StepOutput
from ros2_captioner.captioner import search_words, worded
from ros2_captioner.captions import Caption
from ros2_captioner.evidence.objects import ObjectWords
from ros2_captioner.vocabulary import Vocabulary
from training.config.settings import TrainConfig
from training.data.captions import CaptionedImage
from training.data.frames import read_frames
from training.model.captioning import CaptionModel, device_of
from training.model.decoder import Decoder, Prepared
from training.model.evidence import object_priors

CANDIDATES = 32


def candidates(logits: Tensor, count: int = CANDIDATES) -> tuple[Tensor, Tensor]:
    """The k best words: float32 log-probabilities and int32 ids, both ``[..., k]``, best first."""
    best = logits.float().log_softmax(dim=-1).topk(min(count, logits.shape[-1]), dim=-1)
    return best.values, best.indices.int()


class TorchStepper:
    """`ros2_captioner.beam_search.Stepper` over the torch decoder, the reference for exports.

    Args:
        decoder: in eval mode.
        prepared: of B images.
        beam_width: K.
    """

    def __init__(self, decoder: Decoder, prepared: Prepared, beam_width: int) -> None:
        self._decoder = decoder
        self._prepared = prepared
        self._h = prepared.h0[:, None].expand(-1, beam_width, -1)
        self._c = prepared.c0[:, None].expand(-1, beam_width, -1)

    def step(self, tokens: NDArray[np.int32], parents: NDArray[np.int64]) -> StepOutput:
        """See `ros2_captioner.beam_search.Stepper.step`."""
        device = self._h.device
        rows = torch.from_numpy(parents).to(device)[:, :, None].expand_as(self._h)
        logits, self._h, self._c, attention = self._decoder.step(
            torch.from_numpy(tokens).long().to(device),
            self._h.gather(1, rows),
            self._c.gather(1, rows),
            self._prepared.features,
            self._prepared.keys,
            self._prepared.evidence,
        )
        log_probs, ids = candidates(logits)
        return StepOutput(log_probs.cpu().numpy(), ids.cpu().numpy(), attention.cpu().numpy())


@torch.inference_mode()  # some keep what many batches give: without the graph behind it
def prepared_images(
    model: CaptionModel, images: Sequence[CaptionedImage], config: TrainConfig
) -> Iterator[Prepared]:
    """Read and encode images in order, a validation batch at a time."""
    size = config.validation.batch
    for first in range(0, len(images), size):
        paths = [image.path for image in images[first : first + size]]
        frames = torch.from_numpy(read_frames(paths, config.model.image_size))
        yield model.prepare(frames.to(device_of(model)))


@torch.inference_mode()
def caption_batches(
    decoder: Decoder,
    batches: Iterable[Prepared],
    vocabulary: Vocabulary,
    options: DecodingOptions,
) -> list[Caption]:
    """The best caption of every image of every batch."""
    decoder.eval()
    objects = _objects(decoder, vocabulary)
    captions = []
    for prepared in batches:
        stepper = TorchStepper(decoder, prepared, options.beam_width)
        found = search_words(stepper, len(prepared.h0), options, vocabulary, objects)
        captions += [worded(best, vocabulary) for best, *_ in found]
    return captions


def _objects(decoder: Decoder, vocabulary: Vocabulary) -> ObjectWords:
    """The words that the exported bundle will list."""
    evidence = decoder.evidence
    listed = {} if evidence is None else {"evidence": object_priors(evidence, vocabulary)}
    return ObjectWords.with_scene(listed, vocabulary)
