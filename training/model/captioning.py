"""The captioning model: a grid encoder and an attention decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.config.settings import ModelConfig
from training.model.adaptive_attention import AdaptiveAttentionDecoder
from training.model.decoder import Decoder, Prepared
from training.model.encoder import GridEncoder, build_encoder
from training.model.soft_attention import SoftAttentionDecoder

DECODERS: dict[str, type[Decoder]] = {
    "adaptive_attention": AdaptiveAttentionDecoder,
    "soft_attention": SoftAttentionDecoder,
}


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

    def prepare(self, pictures: Tensor, stages_done: int = 0) -> Prepared:
        """Pictures to what the decoder needs of them.

        Args:
            pictures: uint8 ``[B, S, S, 3]`` RGB frames, or what `GridEncoder.lower` made of them.
            stages_done: ResNet stages that `GridEncoder.lower` went through; 0 means frames.
        """
        if stages_done:
            return self.decoder.prepare(self.encoder.upper(pictures, stages_done))
        return self.decoder.prepare(self.encoder(pictures))


def build_model(config: ModelConfig, vocabulary_size: int) -> CaptionModel:
    """A model as the config says, its decoder freshly initialised.

    Raises:
        ConfigError: start weights that do not fit.
    """
    encoder = build_encoder(config)
    decoder = DECODERS[config.decoder](config, encoder.channels, vocabulary_size)
    return CaptionModel(encoder, decoder)


def device_of(model: CaptionModel) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device
