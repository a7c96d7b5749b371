"""torchvision ResNet trunks with BatchNorm folded into the convolutions."""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ros2_captioner.preprocess import IMAGENET_MEAN, IMAGENET_STD
from training.config.settings import ConfigError, ModelConfig

_BATCH_NORM_OF = {"conv1": "bn1", "conv2": "bn2", "conv3": "bn3", "0": "1"}


class GridEncoder(nn.Module):
    """uint8 RGB frames to a grid of convolutional features (Xu et al. 2015, section 3.1.1).

    Normalisation is part of the module, so the exported graph takes raw frames.

    Args:
        trunk: a torchvision ResNet; its pooling and classifier are dropped.
    """

    mean: Tensor
    inverse_std: Tensor

    def __init__(self, trunk: torchvision.models.ResNet) -> None:
        super().__init__()
        self.channels: int = trunk.fc.in_features
        self.stem = nn.Sequential(trunk.conv1, trunk.relu, trunk.maxpool)
        self.stages = nn.Sequential(trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4)
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("inverse_std", 1 / (255 * torch.tensor(IMAGENET_STD)).view(1, 3, 1, 1))
        self.to(memory_format=torch.channels_last)  # half the time of the default layout on a CPU

    def forward(self, images: Tensor, stages_done: int = 0) -> Tensor:
        """Images to their grid ``[B, L, C]`` with L = (S / 32)**2 cells, row by row.

        Args:
            images: uint8 ``[B, S, S, 3]`` RGB frames, or what `lower` made of them.
            stages_done: ResNet stages that `lower` went through; 0 means frames.
        """
        maps = images.permute(0, 3, 1, 2) if stages_done else self._stem(images)
        grid: Tensor = self.stages[stages_done:](maps).flatten(2).transpose(1, 2)
        return grid

    def lower(self, frames: Tensor, stages: int) -> Tensor:
        """Frames to the map after the stem and the first ``stages`` stages, ``[B, h, w, c]``."""
        maps: Tensor = self.stages[:stages](self._stem(frames))
        return maps.permute(0, 2, 3, 1)

    def lower_parts(self, stages: int) -> tuple[nn.Module, nn.Module]:
        """The modules that `lower` goes through."""
        return self.stem, self.stages[:stages]

    def _stem(self, frames: Tensor) -> Tensor:
        # Cast first: TensorRT does nothing else with uint8.
        pixels = frames.to(self.mean.dtype).permute(0, 3, 1, 2)
        stem: Tensor = self.stem((pixels - self.mean) * self.inverse_std)
        return stem


def build_encoder(config: ModelConfig) -> GridEncoder:
    """A ResNet by name, with its weights, strides and folded BatchNorm.

    Raises:
        ConfigError: a weights file that does not fit.
    """
    return GridEncoder(_build_trunk(config))


def build_classifier(config: ModelConfig) -> tuple[GridEncoder, nn.Linear]:
    """The start weights as they were trained: encoder and ImageNet classes of its mean cell.

    Raises:
        ConfigError: as `build_encoder`, or the weights are without classes.
    """
    trunk = _build_trunk(config, with_classes=True)
    return GridEncoder(trunk), trunk.fc


def _build_trunk(config: ModelConfig, *, with_classes: bool = False) -> torchvision.models.ResNet:
    constructor = getattr(torchvision.models, config.encoder)
    weights = "DEFAULT" if config.encoder_weights == "torchvision" else None
    try:
        trunk = constructor(weights=weights)
    except (OSError, RuntimeError) as error:  # no connection, or not what was to come
        raise ConfigError(
            f"model.encoder_weights: cannot fetch torchvision's weights of {config.encoder} "
            f"({error}); expected a way to download.pytorch.org, or a safetensors file with "
            "torchvision's key names"
        ) from error
    if config.encoder_weights not in ("torchvision", "random"):
        _load_weights(trunk, Path(config.encoder_weights), with_classes)
    if config.stride_in_1x1:
        _move_strides(trunk)
    # Frozen statistics: batches are too small to re-estimate them, and folded they cost nothing.
    fold_batch_norm(trunk.eval())
    return trunk


def _load_weights(trunk: torchvision.models.ResNet, path: Path, with_classes: bool) -> None:
    if not path.is_file():
        raise ConfigError(
            f"model.encoder_weights: no file {path}; expected 'torchvision', 'random' or a "
            "safetensors file with torchvision's key names"
        )
    try:
        state = load_file(path)
        classes = len(state.get("fc.bias", trunk.fc.bias))
        if classes != trunk.fc.out_features:  # such as Places365's
            trunk.fc = nn.Linear(trunk.fc.in_features, classes)
        report = trunk.load_state_dict(state, strict=False)
    except (RuntimeError, SafetensorError) as error:
        raise ConfigError(f"{path} does not fit the encoder: {error}") from error
    spare = ("num_batches",) if with_classes else ("num_batches", "fc.")
    missing = [key for key in report.missing_keys if not any(part in key for part in spare)]
    if missing or report.unexpected_keys:
        raise ConfigError(
            f"{path} does not fit the encoder: missing {missing[:3]}, "
            f"unexpected {report.unexpected_keys[:3]}"
        )


def _move_strides(trunk: nn.Module) -> None:
    """ResNet v1: the stride of a down-sampling bottleneck sits on its first 1x1 convolution."""
    for block in trunk.modules():
        if isinstance(block, torchvision.models.resnet.Bottleneck) and block.stride != 1:
            block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)


def fold_batch_norm(module: nn.Module) -> None:
    """Replace every convolution + BatchNorm pair by one convolution with bias, in place."""
    children = dict(module.named_children())
    for convolution, norm in _BATCH_NORM_OF.items():
        pair = children.get(convolution), children.get(norm)
        if isinstance(pair[0], nn.Conv2d) and isinstance(pair[1], nn.BatchNorm2d):
            # torch gives the new bias no gradient where the convolution had none before.
            fused = fuse_conv_bn_eval(pair[0], pair[1]).requires_grad_(True)
            setattr(module, convolution, fused)
            setattr(module, norm, nn.Identity())
    for child in children.values():
        fold_batch_norm(child)
