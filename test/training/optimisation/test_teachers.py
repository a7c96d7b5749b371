"""Earlier runs that teach."""

import dataclasses
from pathlib import Path

import pytest
import torch
from tiny import COLOURS

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.config.settings import ConfigError, ModelConfig
from training.data.batches import collate
from training.data.captions import CaptionedImage
from training.data.datasets import Item
from training.model.captioning import build_model
from training.optimisation.checkpoint import Progress
from training.optimisation.run import Run, load_run
from training.optimisation.teachers import Teachers, load_teachers
from training.scoring.decode import caption_batches, prepared_images
from training.train import train

OWN = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "runs", "fast"])
ITS = Vocabulary([*SPECIAL_TOKENS, "runs", "cat", "a", "dog"])  # no "fast", a "cat" of its own
IMAGES = [CaptionedImage(Path(name), ("a dog runs",), source=name) for name in ("own", "taught")]
MODEL = ModelConfig(
    encoder="resnet18", encoder_weights="random", width=8, hidden=12, evidence_words=2, dropout=0.5
)


def run_of(vocabulary, evidence=("dog", "runs")):
    """An untrained run, with evidence for these words."""
    torch.manual_seed(1)
    model = build_model(MODEL, len(vocabulary)).eval()
    ids = torch.tensor([vocabulary.words.index(word) for word in evidence])
    model.decoder.evidence.choose_words(ids, torch.tensor([0.3, 0.2]))
    return Run(None, vocabulary, model, Progress(), "")


def batch_of(captions):
    ids = [[OWN.encode(text.split()) for text in of] for of in captions]
    known = torch.tensor([[1, -1], [0, 1]], dtype=torch.int8)
    return collate(list(map(Item, range(2), torch.zeros(2, 3), ids, known)), OWN)


@pytest.fixture
def grid():
    return torch.rand(2, 4, 512, generator=torch.Generator().manual_seed(0))


def teachers(run):
    found = Teachers({"taught": run}, IMAGES, run_of(OWN).model, OWN)
    return found.train()  # as the updater does with all that it trains


def test_only_the_images_of_its_source_are_taught(grid):
    batch = batch_of([["a dog runs"], ["a dog", "dog runs fast"]])
    taught = teachers(run_of(ITS))(batch, grid)
    own = int(batch.valid[0].sum())
    assert taught.targets[:own].argmax(dim=1).equal(batch.targets[:own])
    assert taught.targets[:own].sum() == own
    assert ((taught.targets[own:] > 0) & (taught.targets[own:] < 1)).any(dim=1).all()


def test_which_images_are_taught_hangs_on_their_indices_not_on_their_order(grid):
    batch = batch_of([["a dog"], ["a dog runs"]])._replace(indices=torch.tensor([1, 0]))
    targets = teachers(run_of(ITS))(batch, grid).targets
    assert (targets == 1).any(dim=1).tolist() == [False] * 3 + [True] * 4


def test_its_words_are_found_by_their_spelling(grid):
    run = run_of(ITS)
    taught = teachers(run)(batch_of([["a"], ["dog runs fast"]]), grid).targets[-4:]
    heard = torch.tensor([[[ITS.start, *ITS.encode(["dog", "runs", "fast"])]]])
    assert heard[0, 0, -1] == ITS.unknown
    decoder = run.model.decoder
    logits, _ = decoder(decoder.prepare(grid[1:]), heard, torch.ones(1, 1, 4, dtype=torch.bool))
    spoken = logits.softmax(dim=1)
    cat = ITS.words.index("cat")
    for place, word in enumerate(OWN.words):
        if word == "fast":
            assert not taught[:, place].any()
        else:
            its = spoken[:, ITS.words.index(word)] / (1 - spoken[:, cat])
            torch.testing.assert_close(taught[:, place], its)


def test_evidence_is_taught_where_it_is_for_the_same_words(grid):
    batch = batch_of([["a"], ["dog"]])
    run = run_of(ITS)  # the ids of its words are others
    taught = teachers(run)(batch, grid).known
    assert taught[0].tolist() == [1, -1]
    logits = run.model.decoder.prepare(grid[1:]).word_logits
    torch.testing.assert_close(taught[1:], logits.sigmoid())
    other_words = teachers(run_of(ITS, ("runs", "dog")))(batch, grid)
    assert other_words.known[1].tolist() == [0, 1]


def test_a_teacher_that_cannot_teach_is_told_with_its_source(tiny_config, tmp_path):
    config, folder = tiny_config(finetune={"epochs": 0}), tmp_path / "earlier"
    taught = taught_by(folder, config)
    with pytest.raises(ConfigError, match="teacher of source 'tiny': no run in .*/earlier"):
        train(taught, tmp_path / "run")
    train(config, folder)
    larger = dataclasses.replace(config.model, encoder="resnet34")
    for other in ({"seed": 2}, {"model": larger}):  # random start weights of its own, more layers
        with pytest.raises(ConfigError, match="'tiny': found an unrelated encoder in .*/earlier"):
            train(dataclasses.replace(taught, **other), tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


def test_the_run_that_is_gone_on_from_teaches_without_being_loaded_again(tiny_config):
    config, run = taught_by("gone", tiny_config()), run_of(ITS)
    config = dataclasses.replace(config, start_from="gone")
    assert load_teachers(config, run.model.encoder, run) == {"tiny": run}


def taught_by(folder, config, **source):
    taught = dataclasses.replace(config.data.train[0], teacher=str(folder), **source)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, train=(taught,)))


def test_a_run_learns_what_its_teacher_says_and_not_its_captions(tiny_config, tmp_path):
    """The images' own captions name other colours than the teacher does."""
    said = dict(zip(COLOURS, [*list(COLOURS)[1:], "red"], strict=True))
    plan = {"epochs": 40, "decoder_lr": 5e-3}
    config = tiny_config(frozen=plan, finetune={"epochs": 0}, optim={"label_smoothing": 0.0})
    train(config, tmp_path / "teacher")
    swapped = swapped_captions(config, tmp_path, said)
    source = {"captions": str(swapped), "licence": "ours", "name": "swapped"}
    config = taught_by(tmp_path / "teacher", config, **source)
    progress = train(config, tmp_path / "pupil")
    assert {one["licence"]: one.get("teacher") for one in progress.sources} == {
        "ours": "teacher", "free": None
    }  # fmt: skip
    expected, found = (captions(load_run(tmp_path / name)) for name in ("teacher", "pupil"))
    assert len(set(expected)) == 4 and found == expected


def swapped_captions(config, folder, said):
    """A captions file that says of each image what is true of another."""
    text = Path(config.data.train[0].captions).read_text()
    for colour in said:
        text = text.replace(f" {colour}", f" <{colour}>")
    for colour, other in said.items():
        text = text.replace(f"<{colour}>", other)
    (folder / "swapped.json").write_text(text)
    return folder / "swapped.json"


def captions(run):
    """What a run says of the images."""
    images = [
        CaptionedImage(Path(run.config.data.val[0].images) / f"{colour}.png") for colour in COLOURS
    ]
    prepared = prepared_images(run.model, images, run.config)
    search = run.config.validation.decoding
    found = caption_batches(run.model.decoder, prepared, run.vocabulary, search)
    return [caption.text for caption in found]
