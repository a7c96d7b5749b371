"""Steps in parts, in other precisions, and in two processes."""

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import COLOURS

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.config.settings import ConfigError, ModelConfig, OptimConfig, SourceConfig
from training.data.batches import collate
from training.data.captions import CaptionedImage
from training.data.datasets import Item
from training.model.captioning import build_model
from training.optimisation.checkpoint import read_progress
from training.optimisation.objectives import CrossEntropy, SelfCritical
from training.optimisation.updater import LossModule, Updater
from training.train import train

STEPS = {"epochs": 2, "batch": 4, "warmup_steps": 1}


def losses(progress):
    return [entry["loss"] for entry in progress.history]


@pytest.fixture
def config(tiny_config):
    return tiny_config(frozen=STEPS, finetune=STEPS | {"encoder_stages": 2})


def test_parts_change_nothing(config, tmp_path):
    whole = train(config, tmp_path / "whole")
    optim = dataclasses.replace(config.optim, parts=3)
    parts = train(dataclasses.replace(config, optim=optim), tmp_path / "parts")
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-4)


VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "runs", "man", "fast"])
CAPTIONS = [["a dog runs fast", "a dog"], ["a man"], ["runs", "man", "a man runs a dog"]]
IMAGES = [CaptionedImage(Path(f"{place}"), tuple(of)) for place, of in enumerate(CAPTIONS)]


KNOWN = [[1, 0], [0, -1], [-1, -1], [1, 1]]
SENTENCES = ["a dog runs", "a man", "fast", "runs a man fast"]


def batch_of(images, captions):
    ids = [[VOCABULARY.encode(text.split()) for text in of] for of in captions]
    known = torch.tensor(KNOWN[: len(ids)], dtype=torch.int8)
    return collate(list(map(Item, range(len(ids)), images, ids, known)), VOCABULARY)


def one_step(objective, parts, captions=CAPTIONS, said=(), **optim):
    """Gradients and loss of a step on images with so many captions, and on sentences."""
    model, loss = stepped(objective, parts, captions, said, **optim)
    return {name: p.grad for name, p in model.decoder.named_parameters()}, loss


def stepped(objective, parts, captions=CAPTIONS, said=(), rate=0.0, **optim):
    """The model after the step, and its loss."""
    torch.manual_seed(0)
    config = ModelConfig(
        encoder="resnet18", encoder_weights="random", width=16, hidden=24,
        evidence_words=2, evidence_dropout=0.0, dropout=0.0,
    )  # fmt: skip
    model = build_model(config, len(VOCABULARY))
    model.decoder.evidence.choose_words(
        torch.tensor(VOCABULARY.encode(["dog", "man"])), torch.tensor([0.4, 0.3])
    )
    # Without noise: a part draws other numbers than the whole.
    model.decoder.evidence.imagined = lambda known: 2.0 * known
    batch = batch_of(torch.rand(len(captions), 2, 2, 512), captions)
    sentences = batch_of(torch.zeros(len(said), 0), [[text] for text in said]) if said else None
    groups = [(list(model.decoder.parameters()), 1e-3)]
    optim = OptimConfig(parts=parts, **{"clip_norm": 1e9, **optim})
    module = LossModule(model, objective, optim, 4)
    updater = Updater(module, groups, torch.device("cpu"))
    return model, updater.step(batch, rate=rate, progress=1.0, sentences=sentences)


def same_steps(objective, **options):
    whole, loss = one_step(objective, 1, **options)
    for count in (2, 3):
        parts, loss_of_parts = one_step(objective, count, **options)
        assert loss_of_parts.value.item() == pytest.approx(loss.value.item(), rel=1e-5)
        assert loss_of_parts[1:] == (pytest.approx(loss.shown, rel=1e-5), *loss[2:])
        for name, gradient in whole.items():
            torch.testing.assert_close(parts[name], gradient, rtol=1e-4, atol=1e-7, msg=name)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_parts_change_no_gradient_of_the_cross_entropy(penalty):
    same_steps(CrossEntropy(OptimConfig(attention_penalty=penalty)))


@pytest.mark.parametrize("groups", [1, 3, 4])
def test_parts_change_no_gradient_of_the_losses_beside_it(groups):
    """Images without captions among them, whose parts hold few words or none.

    And sentences of unequal lengths, of which the last step has fewer groups than parts.
    """
    some = [CAPTIONS[0], [], CAPTIONS[2], []]
    both = {"evidence_weight": 0.5, "sentence_weight": 0.7}
    same_steps(CrossEntropy(OptimConfig()), captions=some, said=SENTENCES[:groups], **both)


def test_sentences_have_no_image_that_attention_could_be_uneven_over():
    (plain, _), (fined, _) = (
        one_step(
            CrossEntropy(OptimConfig(attention_penalty=penalty)),
            1,
            captions=[[], [], []],
            said=SENTENCES,
            sentence_weight=1.0,
        )
        for penalty in (0.0, 1.0)
    )
    assert plain["query.weight"].abs().max() > 0
    for name, gradient in plain.items():
        torch.testing.assert_close(fined[name], gradient, msg=name)


def test_losses_beside_the_captions_add_up():
    objective = CrossEntropy(OptimConfig())
    name = "evidence_scale.weight"
    plain, _ = one_step(objective, 1)
    language = [
        one_step(objective, 1, said=SENTENCES, sentence_weight=weight)[0][name] - plain[name]
        for weight in (0.5, 1.0)
    ]
    assert language[0].abs().max() > 0
    torch.testing.assert_close(language[1], 2 * language[0])
    # Captions alone teach nothing of what evidence is.
    assert plain["evidence.score.weight"] is None
    learnt = [
        one_step(objective, 1, evidence_weight=weight)[0]["evidence.score.weight"]
        for weight in (0.5, 1.0)
    ]
    assert learnt[0].abs().max() > 0
    torch.testing.assert_close(learnt[1], 2 * learnt[0])


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_images_without_captions_teach_evidence_and_no_nonsense(parts, penalty):
    objective = CrossEntropy(OptimConfig(scheduled_sampling=0.5, attention_penalty=penalty))
    gradients, loss = one_step(objective, parts, captions=[[], [], []], evidence_weight=0.5)
    assert loss == (0, 0, 0, 0)
    assert all(g is None or g.isfinite().all() for g in gradients.values())
    assert gradients["evidence.score.weight"].abs().max() > 0
    assert gradients["logit_bias"].abs().max() == 0


def test_parts_change_no_gradient_of_self_critical_training(monkeypatch):
    """An image's samples are as long in a part as in the whole, and far from each other's."""
    texts = [["a dog runs", "dog"], ["man a man a man runs fast", "a"], ["a", "a man runs"]]
    end = VOCABULARY.end
    ids = [[[*VOCABULARY.encode(text.split()), end] for text in of] for of in texts]
    left = []

    def sampled(decoder, prepared, vocabulary, samples, max_words):
        rows = [left.pop(0) for _ in prepared.h0]
        longest = max(len(one) for row in rows for one in row)
        return torch.tensor([[one + [end] * (longest - len(one)) for one in row] for row in rows])

    monkeypatch.setattr("training.optimisation.objectives.sample", sampled)
    objective = SelfCritical(IMAGES, VOCABULARY, OptimConfig(samples=2), 8)
    left.extend(3 * ids)
    same_steps(objective)
    assert not left


def test_sampled_captions_leave_the_weight_of_evidence_as_it_is():
    """However many words they have beside the references that a part is weighted by."""
    sampled = SelfCritical(IMAGES, VOCABULARY, OptimConfig(samples=5), 8)
    plain, found = (
        one_step(objective, 1, evidence_weight=0.5)[0]["evidence.score.weight"]
        for objective in (CrossEntropy(OptimConfig()), sampled)
    )
    torch.testing.assert_close(found, plain)


def test_a_step_is_as_long_as_its_rate_its_decay_and_its_clipping_say():
    def bias(**options):
        return stepped(CrossEntropy(OptimConfig()), 1, **options)[0].decoder.initial.bias

    start = bias(rate=0.0).detach()
    far, near, pulled = (
        bias(rate=rate, weight_decay=decay).detach() - start
        for rate, decay in ((0.5, 0.0), (0.25, 0.0), (0.5, 1.0))
    )
    assert far.abs().max().item() == pytest.approx(0.5e-3, rel=1e-2)
    torch.testing.assert_close(far, 2 * near, rtol=1e-2, atol=1e-6)
    torch.testing.assert_close(pulled - far, -0.5e-3 * start, rtol=1e-2, atol=1e-6)
    clipped, _ = one_step(CrossEntropy(OptimConfig()), 1, clip_norm=0.01)
    norms = [gradient.norm() for gradient in clipped.values() if gradient is not None]
    assert torch.stack(norms).norm().item() == pytest.approx(0.01, rel=1e-3)


def test_peoples_words_are_learnt_with_dropout():
    class Recorded(CrossEntropy):
        def __call__(self, decoder, *rest):
            trained.append(decoder.training)
            return super().__call__(decoder, *rest)

    trained = []
    one_step(Recorded(OptimConfig()), 1)
    assert trained == [True]


def test_a_training_that_diverged_ends_before_its_weights_are_lost():
    diverged = CrossEntropy(OptimConfig())
    diverged._penalty = math.inf
    with pytest.raises(ConfigError, match=r"gradients that are not finite.*lower learning rates"):
        one_step(diverged, 1)
    one_step(diverged, 1, precision="float16")  # whose scale falls instead


@pytest.mark.parametrize(
    "objective",
    [
        CrossEntropy(OptimConfig(scheduled_sampling=0.5)),
        SelfCritical(IMAGES, VOCABULARY, OptimConfig(samples=5), 8),
    ],
    ids=["scheduled sampling", "self-critical"],
)
def test_a_pass_without_gradients_takes_none_from_the_next(objective):
    """Up to torch 2.10 it did, in half the bits: autocast kept the weights that it had cast."""
    gradients, _ = one_step(objective, 1, precision="bfloat16", evidence_weight=0.1)
    assert [name for name, gradient in gradients.items() if gradient is None] == []


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_the_bits_train_much_alike(config, precision, tmp_path):
    whole = train(config, tmp_path / "whole")
    optim = dataclasses.replace(config.optim, precision=precision)
    half = train(dataclasses.replace(config, optim=optim), tmp_path / "half")
    assert losses(half) == pytest.approx(losses(whole), rel=0.02)
    assert losses(half) != losses(whole)


def test_two_processes_give_the_loss_of_one(config, tmp_path):
    """With evidence, and images without captions, of which the processes get different shares."""
    names = tmp_path / "names.json"
    # As many as fill whole batches: processes fill up an odd share by repeating an image.
    names.write_text(json.dumps([f"{colour}.png" for colour in COLOURS]))
    bare = SourceConfig("bare", images=config.data.train[0].images, names=str(names))
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, train=(*config.data.train, bare)),
        model=dataclasses.replace(config.model, evidence_words=4, evidence_dropout=0.0),
        optim=dataclasses.replace(config.optim, evidence_weight=0.2),
    )
    whole = train(config, tmp_path / "whole")
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(dataclasses.asdict(config)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    options = ["--config", str(file), "--output", str(tmp_path / "two"), "--device", "cpu"]
    done = subprocess.run(
        [*command, "-m", "training.train", *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    two = read_progress(tmp_path / "two/last.safetensors")
    assert losses(two) == pytest.approx(losses(whole), abs=1e-4)
    assert done.stdout.count("best validation CIDEr") == 1


def test_dropout_reaches_sampled_captions_only_when_asked(tiny_config, tmp_path):
    trained = {}
    for name, dropout, kept in (("off", 0.9, False), ("none", 0.0, False), ("on", 0.9, True)):
        config = tiny_config(
            frozen={"epochs": 0},
            finetune={"epochs": 0},
            self_critical=STEPS,
            optim={"sampled_dropout": kept},
        )
        model = dataclasses.replace(config.model, dropout=dropout)
        train(dataclasses.replace(config, model=model), tmp_path / name)
        trained[name] = load_file(tmp_path / name / "last.safetensors")["decoder.output.weight"]
    assert torch.equal(trained["off"], trained["none"])
    assert not torch.equal(trained["on"], trained["off"])
