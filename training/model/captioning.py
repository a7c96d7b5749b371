"""The captioning model: a grid encoder and an attention decoder."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ros2_captioner.vocabulary import SPECIAL_TOKENS, UNKNOWN
from training.config.settings import ModelConfig
from training.model.adaptive_attention import AdaptiveAttentionDecoder
from training.model.decoder import Decoder, Prepared
from training.model.encoder import GridEncoder, build_encoder
from training.model.soft_attention import SoftAttentionDecoder

DECODERS: dict[str, type[Decoder]] = {
    "adaptive_attention": AdaptiveAttentionDecoder,
    "soft_attention": SoftAttentionDecoder,
}

_UNKNOWN_ID = SPECIAL_TOKENS.index(UNKNOWN)


class CaptionModel(nn.Module):
    """Encoder and decoder under one state dict.

    Args:
        encoder: frames to grid.
        decoder: grid to words.
    """

    def __init__(self, encoder: GridEncoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def prepare(self, images: Tensor, stages_done: int = 0) -> Prepared:
        """Images, as `GridEncoder` takes them, to what the decoder needs of them."""
        return self.decoder.prepare(self.encoder(images, stages_done))

    @property
    def evidence_ids(self) -> Tensor:
        """int64 ``[E]``, places in the vocabulary of the words with evidence; E may be 0."""
        evidence = self.decoder.evidence
        return torch.empty(0, dtype=torch.int64) if evidence is None else evidence.ids.cpu()


def build_model(config: ModelConfig, vocabulary_size: int) -> CaptionModel:
    """A model as the config says, its decoder freshly initialised.

    Raises:
        ConfigError: start weights that do not fit.
    """
    encoder = build_encoder(config)
    decoder = DECODERS[config.decoder](config, encoder.channels, vocabulary_size)
    return CaptionModel(encoder, decoder)


def weights_for(model: CaptionModel, vocabulary_size: int) -> dict[str, Tensor]:
    """A model's weights for a vocabulary that goes on where its own ends.

    ``<unk>``, which has stood for the new words so far, shares its probability with them.
    """
    weights = dict(model.state_dict())
    for name in ("embedding.weight", "logit_bias", "evidence.places"):
        rows = weights.get(f"decoder.{name}")
        if rows is not None:
            unknown = rows[_UNKNOWN_ID, None].expand(vocabulary_size - len(rows), *rows.shape[1:])
            weights[f"decoder.{name}"] = torch.cat([rows, unknown])
    bias, known = weights["decoder.logit_bias"], len(model.decoder.logit_bias)
    sharing = [_UNKNOWN_ID, *range(known, vocabulary_size)]
    bias[sharing] -= math.log(len(sharing))
    return weights


def device_of(model: CaptionModel) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device
