"""Cached maps follow the images, one by one."""

import os
import shutil

import cv2
import numpy as np
import pytest
import torch
from tiny import no_room

from training.config.settings import ConfigError, ModelConfig
from training.data.frames import read_frames, read_map
from training.model.encoder import build_encoder
from training.model.features import cached_maps

SIZE = 64


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return build_encoder(ModelConfig(encoder="resnet18", encoder_weights="random"))


@pytest.fixture
def computed(encoder, monkeypatch):
    """Number of images in each call of the encoder."""
    calls, lower = [], encoder.lower

    def counted(frames, stages):
        calls.append(len(frames))
        return lower(frames, stages)

    monkeypatch.setattr(encoder, "lower", counted)
    return calls


def write(path, grey):
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.full((SIZE, SIZE, 3), grey, np.uint8))
    return path


@torch.inference_mode()
def expected(encoder, path):
    frames = torch.from_numpy(read_frames([path], SIZE))
    return encoder.lower(frames, 2)[0].numpy()


def test_a_map_is_what_the_encoder_gives(encoder, tmp_path):
    path = write(tmp_path / "a.png", 90)
    (file,) = cached_maps(encoder, 2, [path], SIZE, tmp_path / "cache")
    np.testing.assert_allclose(read_map(file), expected(encoder, path), atol=2e-3)
    assert np.load(file).dtype == np.float16  # half the disk; torch gets float32
    assert read_map(file).dtype == np.float32


@pytest.mark.parametrize("size", [0, 40, 1000])
def test_a_map_that_was_cut_short_is_named(encoder, tmp_path, size):
    (file,) = cached_maps(encoder, 2, [write(tmp_path / "a.png", 90)], SIZE, tmp_path / "cache")
    os.truncate(file, size)
    with pytest.raises(ConfigError, match=rf"{file.name}: .*; delete it, and it is computed"):
        read_map(file)


def test_a_full_disk_is_told_with_the_cache(encoder, tmp_path):
    path = write(tmp_path / "a.png", 90)
    said = r"cannot write .*cache/maps_\w+/\w+.npy: .*expected .* room for it"
    with no_room(), pytest.raises(OSError, match=said):
        cached_maps(encoder, 2, [path], SIZE, tmp_path / "cache")
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]


def test_only_new_and_replaced_images_are_computed(encoder, computed, tmp_path):
    paths = [write(tmp_path / f"{grey}.png", grey) for grey in (10, 20, 30)]
    cache = tmp_path / "cache"
    before = cached_maps(encoder, 2, paths, SIZE, cache)
    assert cached_maps(encoder, 2, paths[::-1], SIZE, cache) == before[::-1]
    assert computed == [3]

    more = write(tmp_path / "other" / "10.png", 40)  # another source, the same name
    assert cached_maps(encoder, 2, [more, *paths], SIZE, cache)[1:] == before
    assert computed == [3, 1]

    write(paths[1], 200)
    os.utime(paths[1], ns=(0, 1))  # even one that is older than its predecessor
    after = cached_maps(encoder, 2, paths, SIZE, cache)
    assert computed == [3, 1, 1]
    assert after[::2] == before[::2] and after[1] != before[1]
    np.testing.assert_allclose(read_map(after[1]), expected(encoder, paths[1]), atol=2e-3)


def test_a_replaced_image_of_the_same_size_and_time_is_computed_again(encoder, computed, tmp_path):
    """As of a copy that keeps the time, in place, under another name, or behind a link."""
    path, other = write(tmp_path / "a.bmp", 10), write(tmp_path / "b.bmp", 200)
    link = tmp_path / "link.bmp"
    link.symlink_to(path)
    times = path.stat()
    assert other.stat().st_size == times.st_size
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    cached_maps(encoder, 2, [link], SIZE, tmp_path / "cache")
    os.replace(other, path)
    (file,) = cached_maps(encoder, 2, [link], SIZE, tmp_path / "cache")
    assert computed == [1, 1]
    np.testing.assert_allclose(read_map(file), expected(encoder, path), atol=2e-3)
    write(path, 90)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    (file,) = cached_maps(encoder, 2, [path], SIZE, tmp_path / "cache")
    np.testing.assert_allclose(read_map(file), expected(encoder, path), atol=2e-3)


def test_a_copied_data_set_is_not_computed_again(encoder, computed, tmp_path):
    paths = [write(tmp_path / "here" / f"{grey}.png", grey) for grey in (10, 20)]
    before = cached_maps(encoder, 2, paths, SIZE, tmp_path / "cache")
    shutil.copytree(tmp_path / "here", tmp_path / "there")  # other paths, inodes and times
    shutil.rmtree(tmp_path / "here")
    copied = [tmp_path / "there" / path.name for path in paths]
    assert cached_maps(encoder, 2, copied, SIZE, tmp_path / "cache") == before
    assert computed == [2]


def test_an_image_listed_twice_is_computed_once(encoder, computed, tmp_path):
    path = write(tmp_path / "a.png", 10)
    one, two = cached_maps(encoder, 2, [path, path], SIZE, tmp_path)
    assert one == two and computed == [1]


def test_each_process_computes_its_share_and_knows_all_maps(encoder, computed, tmp_path):
    paths = [write(tmp_path / f"{grey}.png", grey) for grey in (10, 20, 30)]
    first, second = (
        cached_maps(encoder, 2, paths, SIZE, tmp_path / "cache", share=slice(rank, None, 2))
        for rank in range(2)
    )
    assert first == second and computed == [2, 1] and all(file.is_file() for file in first)


def test_the_sign_of_a_zero_computes_nothing_again(encoder, computed, tmp_path):
    """An average of weights has other signs than what it was made of."""
    path, biases = write(tmp_path / "a.png", 10), encoder.stages[0][0].conv1.bias
    kept = biases.detach().clone()
    for zero in (0.0, -0.0):
        with torch.no_grad():
            biases[:] = zero
        cached_maps(encoder, 2, [path], SIZE, tmp_path / "cache")
    with torch.no_grad():
        biases[:] = kept
    assert computed == [1]


def test_other_weights_stages_and_sizes_have_their_own_maps(encoder, tmp_path):
    path = write(tmp_path / "a.png", 10)
    other = build_encoder(ModelConfig(encoder="resnet18", encoder_weights="random"))
    files = {
        cached_maps(one, stages, [path], size, tmp_path)[0]
        for one, stages, size in (
            (encoder, 2, SIZE), (other, 2, SIZE), (encoder, 3, SIZE), (encoder, 2, 96)
        )
    }  # fmt: skip
    assert len(files) == 4


def test_other_arithmetic_has_its_own_maps(encoder, tmp_path):
    path = write(tmp_path / "a.png", 90)
    (exact,) = cached_maps(encoder, 2, [path], SIZE, tmp_path)
    (rounded,) = cached_maps(encoder, 2, [path], SIZE, tmp_path, torch.bfloat16)
    assert exact != rounded and (read_map(exact) != read_map(rounded)).any()
    np.testing.assert_allclose(read_map(rounded), read_map(exact), rtol=0.02, atol=0.05)


def test_what_an_interrupted_computation_did_stays(encoder, computed, tmp_path, monkeypatch):
    paths = [write(tmp_path / f"{grey}.png", grey) for grey in range(4)]
    monkeypatch.setattr("training.model.features._BATCH", 2)
    broken = tmp_path / "broken.png"
    broken.touch()
    with pytest.raises(Exception, match="broken"):
        cached_maps(encoder, 2, [*paths[:2], broken], SIZE, tmp_path / "cache")
    cached_maps(encoder, 2, paths, SIZE, tmp_path / "cache")
    assert computed == [2, 2]
    assert not list((tmp_path / "cache").rglob("*.partial"))


def test_the_same_weights_with_other_strides_have_their_own_maps(tmp_path):
    """Who finds out that `stride_in_1x1` was set wrongly must not train on the old maps."""
    path, files = write(tmp_path / "a.png", 90), []
    for stride_in_1x1 in (False, True):
        torch.manual_seed(0)
        config = ModelConfig(
            encoder="resnet50", encoder_weights="random", stride_in_1x1=stride_in_1x1
        )
        files += cached_maps(build_encoder(config), 2, [path], SIZE, tmp_path / "cache")
    assert files[0] != files[1]
