"""Cached maps of the encoder's untrained part, so that no epoch computes them twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from training.data.frames import read_frames
from training.model.encoder import GridEncoder

_BATCH = 25


def cached_maps(
    encoder: GridEncoder, stages: int, paths: Sequence[Path], size: int, folder: Path
) -> NDArray[np.float16]:
    """`GridEncoder.lower` of all pictures, float16 ``[N, h, w, c]``, mapped from ``folder``.

    The file's name holds a digest of the weights, the size and the picture names, so a cache is
    never used for another encoder or data set. An interrupted computation leaves no cache.
    """
    target = folder / f"maps_{_digest(encoder, stages, paths, size)}.npy"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        maps: NDArray[np.float16] | None = None
        for first, batch in _encoded(encoder, stages, paths, size):
            if maps is None:
                shape = (len(paths), *batch.shape[1:])
                maps = np.lib.format.open_memmap(partial, "w+", np.float16, shape)
            maps[first : first + len(batch)] = batch
        del maps
        os.replace(partial, target)
    return np.load(target, mmap_mode="r")  # type: ignore[no-any-return]


def _encoded(
    encoder: GridEncoder, stages: int, paths: Sequence[Path], size: int
) -> Iterator[tuple[int, NDArray[np.float16]]]:
    device = next(encoder.parameters()).device
    encoder.eval()
    with torch.inference_mode(), tqdm(total=len(paths), desc="features", unit="picture") as bar:
        for first in range(0, len(paths), _BATCH):
            frames = read_frames(paths[first : first + _BATCH], size)
            maps = encoder.lower(torch.from_numpy(frames).to(device), stages)
            yield first, maps.cpu().numpy().astype(np.float16)
            bar.update(len(frames))


def _digest(encoder: GridEncoder, stages: int, paths: Sequence[Path], size: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    for part in (encoder.stem, encoder.stages[:stages]):
        for name, tensor in part.state_dict().items():
            # Averaging weights turns -0.0 into 0.0, which changes bytes and nothing else.
            digest.update(name.encode() + (tensor.cpu().contiguous() + 0.0).numpy().tobytes())
    for path in paths:
        digest.update(str(path).encode())
    return digest.hexdigest()[:16]
