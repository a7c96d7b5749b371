"""Cached maps of the encoder's untrained part, so that no epoch computes them twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ros2_captioner.output_files import writing
from training.data.frames import read_frames
from training.model.encoder import GridEncoder

_BATCH = 25


def cached_maps(
    encoder: GridEncoder,
    stages: int,
    paths: Sequence[Path],
    size: int,
    folder: Path,
    dtype: torch.dtype | None = None,
    share: slice = slice(None),
) -> list[Path]:
    """Compute `GridEncoder.lower` of the images that have no cached map.

    A cache folder belongs to the weights of the stages, the size and the arithmetic. In it every
    image has a file, named after its content: a replaced image is computed again, one that was
    copied or moved is not, and of a data set that grew only what is new. What an interrupted
    computation has done stays.

    Args:
        encoder: whose lower part is fixed.
        stages: how many ResNet stages that part has, 1 to 4.
        paths: of the images.
        size: side of the frames in pixels.
        folder: of all caches.
        dtype: of the arithmetic, see `training.machine.arithmetic`; None is float32.
        share: the images that this process computes, where several share them out.

    Returns:
        For each image a NumPy file with its map, float16 ``[h, w, c]``.
    """
    cache = folder / f"maps_{_encoder_digest(encoder, stages, size, dtype)}"
    files = [cache / f"{image_digest(path)}.npy" for path in paths]
    mine = zip(files[share], paths[share], strict=True)
    missing = {file: path for file, path in mine if not file.is_file()}
    if missing:
        cache.mkdir(parents=True, exist_ok=True)
        _compute(encoder, stages, missing, size, dtype)
    return files


def _compute(
    encoder: GridEncoder,
    stages: int,
    missing: dict[Path, Path],
    size: int,
    dtype: torch.dtype | None,
) -> None:
    """Fill cache files, given with the image of each."""
    device = next(encoder.parameters()).device
    encoder.eval()
    entries = list(missing.items())
    with torch.inference_mode(), tqdm(total=len(entries), desc="features", unit="image") as bar:
        for first in range(0, len(entries), _BATCH):
            batch = entries[first : first + _BATCH]
            frames = torch.from_numpy(read_frames([path for _, path in batch], size))
            with torch.autocast(device.type, dtype, enabled=dtype is not None):
                maps = encoder.lower(frames.to(device), stages)
            for (file, _), one in zip(batch, maps.half().cpu().numpy(), strict=True):
                _save(file, one)
            bar.update(len(batch))


def _save(file: Path, stored: NDArray[np.float16]) -> None:
    """Write a file whole or not at all.

    Not by `replace_file`: another process may write the same file at the same time.
    """
    partial = file.with_suffix(f".{os.getpid()}.partial")
    with writing(file):
        try:
            with open(partial, "wb") as opened:
                np.save(opened, stored)
            os.replace(partial, file)
        finally:
            partial.unlink(missing_ok=True)


def _encoder_digest(encoder: GridEncoder, stages: int, size: int, dtype: torch.dtype | None) -> str:
    digest = hashlib.sha256(f"{size} {dtype}".encode())
    for part in encoder.lower_parts(stages):
        digest.update(repr(part).encode())  # strides too, which no weight tells
        for name, tensor in part.state_dict().items():
            # Averaging weights turns -0.0 into 0.0, which changes bytes and nothing else.
            digest.update(name.encode() + (tensor.cpu().contiguous() + 0.0).numpy().tobytes())
    return digest.hexdigest()[:16]


def image_digest(path: Path) -> str:
    """Of a file's content, by which its map is found."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
