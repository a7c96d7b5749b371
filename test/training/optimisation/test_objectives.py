"""Sampling and the self-critical loss."""

import pytest
import torch

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.config.settings import ModelConfig, OptimConfig
from training.data.batches import Batch
from training.data.captions import CaptionedImage
from training.model.captioning import build_model
from training.optimisation.objectives import (
    CrossEntropy,
    SelfCritical,
    _draw,
    sample,
    uneven_attention,
    with_own_words,
)

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "runs", "man"])
IMAGES = [
    CaptionedImage("a.jpg", ("A dog runs.",)),
    CaptionedImage("b.jpg", ("A man.",)),
    CaptionedImage("c.jpg", ("A runs man.",)),
]


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    config = ModelConfig(encoder="resnet18", encoder_weights="random", width=16, hidden=24)
    return build_model(config, len(VOCABULARY)).decoder.eval()


@pytest.fixture
def prepared(decoder):
    return decoder.prepare(torch.rand(2, 4, 512))


def test_samples_end_once_and_hold_no_specials(decoder, prepared):
    drawn = sample(decoder, prepared, VOCABULARY, 40, 6)
    assert drawn.shape[:2] == (2, 40) and drawn.shape[2] <= 6
    assert not torch.isin(drawn, torch.tensor([VOCABULARY.start, VOCABULARY.unknown])).any()
    ended = (drawn == VOCABULARY.end).long()
    assert torch.equal(ended, ended.cummax(dim=-1).values)


def test_samples_follow_the_distribution_of_the_model(decoder, prepared):
    torch.manual_seed(1)
    drawn = sample(decoder, prepared, VOCABULARY, 4000, 1)[..., 0]
    tokens = torch.full((2, 1), VOCABULARY.start)
    states = (prepared.h0[:, None], prepared.c0[:, None])
    logits = decoder.step(tokens, *states, prepared.features, prepared.keys)[0][:, 0]
    logits[:, [VOCABULARY.start, VOCABULARY.unknown]] = -torch.inf
    expected = logits.softmax(dim=-1)
    for row in range(2):
        found = torch.bincount(drawn[row], minlength=len(VOCABULARY)) / 4000
        torch.testing.assert_close(found, expected[row], atol=0.03, rtol=0)


def test_a_decoder_that_diverged_draws_no_word_beyond_the_last(decoder, prepared):
    """The updater refuses its gradients; an index out of range would be a traceback."""
    decoder.logit_bias.data.fill_(torch.nan)
    assert sample(decoder, prepared, VOCABULARY, 3, 6).max() < len(VOCABULARY)


@pytest.mark.parametrize("number", [0.0, 1 - 2**-24])  # the least and the largest that rand gives
def test_no_word_of_probability_zero_is_drawn(number, monkeypatch):
    monkeypatch.setattr(torch, "rand_like", lambda like: torch.full_like(like, number))
    logits = torch.randn(50, 9000, generator=torch.Generator().manual_seed(0))
    logits[:, [0, 1, -2, -1]] = -torch.inf
    totals = logits.softmax(dim=-1).cumsum(dim=-1)[:, -1]
    assert totals.min() < 1  # by rounding
    assert logits.gather(1, _draw(logits)[:, None]).isfinite().all()


def test_the_self_critical_loss_of_each_word_is_what_a_hand_computes(
    decoder, prepared, monkeypatch
):
    start, end, unknown = VOCABULARY.start, VOCABULARY.end, VOCABULARY.unknown
    said = [[*VOCABULARY.encode(t.split()), end] for t in ("a dog runs", "a man", "dog runs")]
    drawn = torch.tensor([[one + [end] * (4 - len(one)) for one in said]] * 2)
    monkeypatch.setattr("training.optimisation.objectives.sample", lambda *_: drawn)
    empty = torch.zeros(0)
    objective = SelfCritical(IMAGES, VOCABULARY, OptimConfig(samples=3), 6)
    batch = Batch(torch.tensor([0, 1]), empty, empty, empty, empty, empty)
    loss = objective(decoder, prepared, batch, 0.0)
    rewards = objective._rewards([0, 1], drawn)
    tokens = torch.tensor([[[start, *ids[:-1]] for ids in drawn[0].tolist()]] * 2)
    logits = decoder(prepared, tokens, torch.ones_like(tokens, dtype=torch.bool))[0]
    logits[:, [start, unknown]] = -torch.inf
    log_probs = logits.log_softmax(dim=-1).unflatten(0, tokens.shape)
    words = [
        -(of[place] - (sum(of) - of[place]) / 2) * log_probs[image, place, at, word]
        for image, of in enumerate(rewards.tolist())
        for place, ids in enumerate(said)
        for at, word in enumerate(ids)
    ]
    assert loss.value.item() == pytest.approx(sum(words).item() / len(words), rel=1e-4)
    assert abs(loss.value.item()) > 0.01
    assert loss[1:] == (pytest.approx(rewards.mean().item()), len(words), 6)


def test_training_on_the_reward_finds_the_rewarded_caption(decoder):
    torch.manual_seed(2)
    grids = torch.rand(2, 4, 512)
    # With few samples it depends on the seed whether the caption is ever met.
    objective = SelfCritical(IMAGES, VOCABULARY, OptimConfig(samples=64), 6)
    empty = torch.zeros(0)
    batch = Batch(torch.tensor([0, 1]), grids, empty, empty, empty, empty)
    optimiser = torch.optim.Adam(decoder.parameters(), lr=2e-3)
    for _ in range(150):
        loss = objective(decoder, decoder.prepare(grids), batch, 0.0)
        optimiser.zero_grad()
        loss.value.backward()
        optimiser.step()
    drawn = sample(decoder, decoder.prepare(grids), VOCABULARY, 8, 6)
    found = [{" ".join(VOCABULARY.decode(ids)) for ids in captions} for captions in drawn.tolist()]
    assert "a dog runs" in found[0] and "a man" in found[1]
    assert all(ids[-1] == VOCABULARY.end for captions in drawn.tolist() for ids in captions)


def test_bleu_is_added_to_the_reward_by_its_weight(decoder):
    grids = torch.rand(3, 4, 512)
    empty = torch.zeros(0)
    batch = Batch(torch.tensor([0, 1, 2]), grids, empty, empty, empty, empty)
    shown = []
    for weight in (0.0, 0.5, 1.0):
        torch.manual_seed(3)  # the same captions are drawn
        objective = SelfCritical(
            IMAGES, VOCABULARY, OptimConfig(samples=200, bleu_weight=weight), 6
        )
        shown.append(objective(decoder, decoder.prepare(grids), batch, 0.0).shown)
    assert shown[1] > shown[0] + 1e-4
    assert shown[2] - shown[0] == pytest.approx(2 * (shown[1] - shown[0]), rel=1e-2)


def test_each_invention_costs_its_weight_once(decoder, prepared, monkeypatch):
    said = ["a dog runs", "a man runs a man"]  # of a dog alone, then of a man alone
    ids = [[*VOCABULARY.encode(text.split()), VOCABULARY.end] for text in said]
    drawn = torch.tensor([[one + [VOCABULARY.end] * (6 - len(one)) for one in ids]] * 2)
    monkeypatch.setattr("training.optimisation.objectives.sample", lambda *_: drawn)
    empty = torch.zeros(0)
    batch = Batch(torch.tensor([0, 1]), empty, empty, empty, empty, empty)

    def rewards(weight):
        objective = SelfCritical(IMAGES, VOCABULARY, OptimConfig(samples=2, truth_weight=weight), 6)
        assert objective(decoder, prepared, batch, 0.0).shown == pytest.approx(
            objective._rewards([0, 1], drawn).mean().item()
        )
        return objective._rewards([0, 1], drawn)

    lost = rewards(0.0) - rewards(0.7)
    torch.testing.assert_close(lost, torch.tensor([[0.0, 0.7], [0.7, 0.0]]))


def captions_batch():
    tokens = torch.tensor([[[0, 3, 4, 1], [0, 6, 1, 1]], [[0, 3, 6, 5], [0, 3, 1, 1]]])
    valid = torch.tensor([[[1, 1, 1, 0], [1, 1, 0, 0]], [[1, 1, 1, 1], [1, 1, 0, 0]]]).bool()
    known = torch.tensor([[1, 0], [0, -1]], dtype=torch.int8)
    return Batch(torch.tensor([0, 1]), torch.zeros(2, 1), tokens, valid, torch.zeros(11), known)


def test_scheduled_sampling_replaces_its_share_of_words(decoder, prepared):
    batch = captions_batch()
    assert torch.equal(with_own_words(decoder, prepared, batch, 0.0), batch.tokens)
    torch.manual_seed(0)
    own = with_own_words(decoder, prepared, batch, 1.0)
    assert (own[..., 0] == VOCABULARY.start).all()
    assert torch.equal(own[~batch.valid], batch.tokens[~batch.valid])
    assert (own != batch.tokens).any()


def test_own_words_follow_the_word_before(decoder, prepared, monkeypatch):
    """Of a decoder that is sure of the next number, and of the share that progress says."""
    batch = captions_batch()

    def next_number(prepared, tokens, valid):
        return 1e4 * torch.nn.functional.one_hot(tokens[valid] + 1, 9).float(), None

    own = with_own_words(next_number, prepared, batch, 1.0)
    assert own.tolist() == [[[0, 1, 4, 1], [0, 1, 1, 1]], [[0, 1, 4, 7], [0, 1, 1, 1]]]
    shares = []

    def recorded(decoder, prepared, batch, share):
        shares.append(share)
        return batch.tokens

    monkeypatch.setattr("training.optimisation.objectives.with_own_words", recorded)
    batch = batch._replace(targets=torch.full((11,), 3))
    CrossEntropy(OptimConfig(label_smoothing=0.0, scheduled_sampling=0.4))(
        decoder, prepared, batch, 0.25
    )
    assert shares == [pytest.approx(0.1)]


def test_the_cross_entropy_is_a_mean_over_words_and_shown_without_its_penalty(decoder, prepared):
    batch = captions_batch()._replace(targets=torch.tensor([3, 4, 1, 6, 1, 3, 6, 5, 1, 3, 1]))
    loss = CrossEntropy(OptimConfig(label_smoothing=0.2, attention_penalty=0.7))(
        decoder, prepared, batch, 1.0
    )
    logits, attention = decoder(prepared, batch.tokens, batch.valid)
    nats = -logits.log_softmax(dim=-1)
    target = nats.gather(1, batch.targets[:, None])[:, 0]
    expected = (0.8 * target + 0.2 * nats.mean(dim=1)).mean().item()
    assert loss[1:] == (pytest.approx(expected), 11, 11)
    fine = uneven_attention(attention, batch.valid).item()
    assert fine > 0.01 and loss.value.item() == pytest.approx(expected + 0.7 * fine)


def test_uneven_attention_counts_valid_words_only():
    attention = torch.full((1, 2, 3, 4), 0.5)
    valid = torch.tensor([[[1, 1, 0], [0, 0, 0]]]).bool()
    assert uneven_attention(attention, valid) == 0
    assert uneven_attention(attention, torch.ones_like(valid)) == pytest.approx(0.25)


def test_uneven_attention_weights_captions_by_their_words():
    attention = torch.full((1, 2, 3, 4), 0.5)
    valid = torch.tensor([[[1, 1, 1], [1, 0, 0]]]).bool()
    # Off by a half both; three words and one.
    assert uneven_attention(attention, valid) == pytest.approx(0.25)
    attention[:, 1] = 0.0
    assert uneven_attention(attention, valid) == pytest.approx((3 * 0.25 + 1 * 1.0) / 4)


def test_a_batch_splits_with_its_targets():
    batch = captions_batch()
    first, second = batch.split(2)
    assert len(first.targets) == 5 and len(second.targets) == 6
    assert torch.equal(torch.cat([first.tokens, second.tokens]), batch.tokens)
    assert torch.equal(torch.cat([first.known, second.known]), batch.known)
    assert len(batch.split(5)) == 2
