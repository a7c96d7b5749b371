"""Batches of images and of sentences, from their data sets."""

import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tiny import no_room

from ros2_captioner.errors import FrameError
from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.config.settings import ConfigError
from training.data.batches import collate, loader, told_readers
from training.data.captions import CaptionedImage
from training.data.datasets import CAPTIONS_PER_IMAGE, ImageDataset, Item, SentenceDataset
from training.data.sampler import EpochSampler

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "runs", "man", "fast"])
EVIDENCE_IDS = torch.tensor(VOCABULARY.encode(["man", "dog"]))


@pytest.fixture
def image(tmp_path):
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), np.full((40, 40, 3), 90, np.uint8))
    return lambda *captions, **what: CaptionedImage(file, captions, **what)


def test_images_come_with_their_captions_and_known_words(image):
    images = [image("A dog runs fast."), image(), image(absent=frozenset({"person"}))]
    dataset = ImageDataset(images, VOCABULARY, EVIDENCE_IDS, max_words=2, image_size=32)
    (batch,) = loader(dataset, EpochSampler([1.0] * 3, 0), VOCABULARY, 3, workers=0)
    order = batch.indices.tolist()
    assert sorted(order) == [0, 1, 2] and batch.images.shape == (3, 32, 32, 3)
    assert batch.valid.sum(dim=(1, 2)).tolist() == [3 if place == 0 else 0 for place in order]
    assert batch.targets.tolist() == [*VOCABULARY.encode(["a", "dog"]), VOCABULARY.end]
    known = dict(zip(order, batch.known.tolist(), strict=True))
    assert known == {0: [0, 1], 1: [-1, -1], 2: [0, -1]}


def test_an_image_is_augmented_as_its_captions_allow(image):
    def darkened(pixels, captions):
        assert captions == ("A man on the left.",)
        return pixels // 3

    images = [image("A man on the left.")]
    dataset = ImageDataset(images, VOCABULARY, EVIDENCE_IDS, 9, 32, augmentation=darkened)
    assert (dataset[0].image == 30).all()


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("maps", "error", "match"),
    [(None, FrameError, "cannot read .*; expected an image file$"),
     (["gone.npy"], FileNotFoundError, "^.Errno 2. No such file or directory: 'gone.npy'$")],
)  # fmt: skip
def test_what_has_vanished_is_told_alike_by_every_process(workers, maps, error, match):
    gone = [CaptionedImage(Path("gone.png"))]
    dataset = ImageDataset(gone, VOCABULARY, EVIDENCE_IDS, max_words=2, image_size=32, maps=maps)
    with pytest.raises(error, match=match):
        list(loader(dataset, EpochSampler([1.0], 0), VOCABULARY, 1, workers))


class _Maps(torch.utils.data.Dataset):
    """One map of 400 KB, or the end of the process that reads it."""

    def __init__(self, killed=False):
        self._killed = killed

    def __getitem__(self, index):
        if self._killed:
            os.kill(os.getpid(), signal.SIGKILL)
        return Item(index, torch.zeros(10**5), [], torch.zeros(2, dtype=torch.int8))


def test_batches_that_shared_memory_has_no_room_for_are_told():
    with no_room(), pytest.raises(ConfigError, match="shared memory.*--set optim.workers=0"):
        list(loader(_Maps(), EpochSampler([1.0], 0), VOCABULARY, 1, workers=1))


def test_readers_that_cannot_start_are_told(monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch.utils.data.DataLoader, "__iter__", full)
    with pytest.raises(ConfigError, match="cannot start processes .* No space .*optim.workers=0"):
        list(loader(_Maps(), EpochSampler([1.0], 0), VOCABULARY, 1, workers=1))


def test_a_reader_that_was_killed_is_told():
    batches = loader(_Maps(killed=True), EpochSampler([1.0], 0), VOCABULARY, 1, workers=1)
    with pytest.raises(ConfigError, match="^found a process .*DataLoader.*"), told_readers():
        list(batches)


def test_of_many_captions_a_few_are_drawn():
    groups = [[word] * CAPTIONS_PER_IMAGE + ["fast"] for word in ("dog", "man")]
    dataset = SentenceDataset(groups, VOCABULARY, EVIDENCE_IDS, 9)
    drawn = [dataset[0].captions for _ in range(40)]
    assert {len(captions) for captions in drawn} == {CAPTIONS_PER_IMAGE}
    fast = VOCABULARY.encode(["fast"])
    assert {captions.count(fast) for captions in drawn} == {0, 1}


def test_sentences_know_every_word_with_evidence():
    groups = [("A man.", "A man runs."), ("dog", "a man"), ("fast",)]
    dataset = SentenceDataset(groups, VOCABULARY, EVIDENCE_IDS, max_words=2)
    batch = collate([dataset[place] for place in range(3)], VOCABULARY)
    assert batch.known.tolist() == [[1, 0], [1, 1], [0, 0]]
    # Those that were cut end as the others do.
    assert batch.valid.sum(dim=2).tolist() == [[3, 3], [2, 3], [2, 0]]
    start, end = VOCABULARY.start, VOCABULARY.end
    assert batch.tokens[2].tolist() == [[start, *VOCABULARY.encode(["fast"]), end], [end] * 3]
    assert len(batch.targets) == batch.valid.sum() and len(batch.images) == 3


def test_a_batch_without_captions_holds_no_word():
    nothing = torch.zeros(2), [], torch.zeros(2, dtype=torch.int8)
    items = [Item(place, *nothing) for place in range(2)]
    batch = collate(items, VOCABULARY)
    assert batch.tokens.shape == (2, 1, 1) and not batch.valid.any() and not len(batch.targets)
    assert [len(part.indices) for part in batch.split(2)] == [1, 1]
