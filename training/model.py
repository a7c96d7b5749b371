"""The captioning model: a grid encoder and an attention decoder."""

from __future__ import annotations

from torch import Tensor, nn

from training.config import ModelConfig
from training.decoder import AdaptiveAttentionDecoder, Prepared
from training.encoder import GridEncoder, build_encoder


class CaptionModel(nn.Module):
    """Encoder and decoder under one state dict.

    Args:
        encoder: frames to grid.
        decoder: grid to words.
    """

    def __init__(self, encoder: GridEncoder, decoder: AdaptiveAttentionDecoder) -> None:
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
    """A model as the config says, its decoder freshly initialised."""
    encoder = build_encoder(config)
    return CaptionModel(
        encoder, AdaptiveAttentionDecoder(config, encoder.channels, vocabulary_size)
    )
