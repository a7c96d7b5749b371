"""Evidence for words: what it says, where it enters the decoder, and how it is learnt."""

import dataclasses
import math

import pytest
import torch

from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.config.settings import ModelConfig
from training.model.captioning import DECODERS, build_model
from training.model.evidence import WordEvidence, evidence_loss, object_priors

WORDS = 12
IDS = torch.tensor([7, 3, 10])
PRIOR = torch.tensor([0.5, 0.1, 0.01])


@pytest.fixture
def evidence():
    torch.manual_seed(0)
    head = WordEvidence(width=4, count=3, vocabulary_size=WORDS)
    head.choose_words(IDS, PRIOR)
    return head


def test_a_word_is_as_likely_as_its_best_cell_makes_it(evidence):
    features = torch.rand(2, 5, 4)
    cells = features @ evidence.score.weight.T + evidence.score.bias
    torch.testing.assert_close(evidence(features), cells.max(dim=1).values)


def test_an_untrained_head_knows_the_prior(evidence):
    found = evidence(torch.rand(1, 5, 4)).sigmoid()
    torch.testing.assert_close(found, PRIOR[None], rtol=0.1, atol=0)


def test_what_is_as_likely_as_ever_gains_nothing(evidence):
    torch.testing.assert_close(evidence.gain(PRIOR.logit()[None]), torch.zeros(1, 3))


def test_the_gain_is_how_much_likelier_a_word_became(evidence):
    twice = (2 * PRIOR).clamp(max=0.999).logit()[None]
    torch.testing.assert_close(
        evidence.gain(twice), torch.tensor([[math.log(0.999 / 0.5), math.log(2), math.log(2)]])
    )
    least = evidence.gain(torch.full((1, 3), -100.0))
    assert (least == -6).all()


def test_every_word_finds_its_evidence(evidence):
    spread = evidence.spread(torch.tensor([[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]]))
    expected = torch.zeros(2, WORDS)
    expected[0, IDS] = torch.tensor([1.0, 2.0, 3.0])
    expected[1] = -expected[0]
    assert torch.equal(spread, expected)


def test_words_of_objects_are_listed_with_their_prior_and_places_only_with_evidence(evidence):
    """A word of an object that has no evidence is as rare as the rarest that has."""
    words = ["dog", "puppy", "sofa", "they", "street", "beach", "red", "runs", "man"]
    vocabulary = Vocabulary([*SPECIAL_TOKENS, *words])
    evidence.choose_words(torch.tensor(vocabulary.encode(["street", "dog", "red"])), PRIOR)
    street, dog, rarest = (round(math.log(prior), 4) for prior in (0.5, 0.1, 0.01))
    assert object_priors(evidence, vocabulary) == {
        "objects": {
            "person": {"man": rarest},
            "dog": {"dog": dog, "puppy": rarest},
            "couch": {"sofa": rarest},
        },
        "scene": {"street": {"street": street}},
    }


def test_imagined_evidence_is_strong_for_what_is_known(evidence):
    torch.manual_seed(1)
    known = torch.tensor([[1, 0, -1]], dtype=torch.int8).repeat(4000, 1)
    mean = evidence.imagined(known).mean(dim=0)
    expected = torch.stack([torch.tensor(-0.5), *(PRIOR[1:].logit() - 1.5)])
    torch.testing.assert_close(mean, expected, atol=0.15, rtol=0)
    deviation = evidence.imagined(known).std(dim=0)  # as images differ
    torch.testing.assert_close(deviation, torch.tensor([2.0, 1.5, 1.5]), atol=0.1, rtol=0)


def test_the_loss_leaves_out_what_is_not_known():
    logits = torch.tensor([[0.0, 3.0, -9.0], [2.0, 5.0, 5.0]], requires_grad=True)
    known = torch.tensor([[1, 0, -1], [-1, -1, -1]], dtype=torch.int8)
    loss = evidence_loss(logits, known)
    assert loss.item() == pytest.approx((math.log(2) + math.log(1 + math.exp(3))) / 2)
    loss.backward()
    expected = torch.tensor([[-0.25, 0.5 / (1 + math.exp(-3)), 0.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(logits.grad, expected)


@pytest.fixture(params=DECODERS)
def decoder(request):
    """With evidence for three words; makes one with other settings too."""

    def make(**settings):
        torch.manual_seed(0)
        config = ModelConfig(
            encoder="resnet18", encoder_weights="random", width=16, hidden=24, dropout=0.0,
            evidence_words=3, decoder=request.param,
        )  # fmt: skip
        made = build_model(dataclasses.replace(config, **settings), WORDS).decoder
        made.evidence.choose_words(IDS, PRIOR)
        torch.nn.init.normal_(made.evidence_scale.weight)
        return made.eval()

    return make


def forced(decoder, prepared, tokens):
    valid = torch.ones(tokens.shape, dtype=torch.bool)
    return decoder(prepared, tokens, valid)[0].view(*tokens.shape, WORDS)


def test_evidence_raises_its_own_word_alone(decoder):
    model = decoder()
    prepared = model.prepare(torch.rand(2, 4, 512))
    evidence = prepared.evidence.clone()
    evidence[1, 10] += 2.0  # of the second image
    tokens = torch.randint(0, WORDS, (2, 3, 5))
    with torch.no_grad():
        difference = forced(model, prepared._replace(evidence=evidence), tokens) - forced(
            model, prepared, tokens
        )
        h, c = (state[:, None].expand(-1, 3, -1) for state in (prepared.h0, prepared.c0))
        steps = [
            model.step(tokens[..., 0], h, c, prepared.features, prepared.keys, given)[0]
            for given in (evidence, prepared.evidence)
        ]
    raised = difference[1, ..., 10].clone()
    # By how much, the sentence so far decides.
    assert (raised > 0).all() and raised.std() > 0.01
    difference[1, ..., 10] = 0
    torch.testing.assert_close(difference, torch.zeros_like(difference))
    first = steps[0] - steps[1]
    torch.testing.assert_close(first[1, :, 10], raised[:, 0])
    first[1, :, 10] = 0
    torch.testing.assert_close(first, torch.zeros_like(first))


def test_captions_do_not_teach_what_evidence_is(decoder):
    model = decoder().train()
    tokens = torch.randint(0, WORDS, (2, 1, 4))
    prepared = model.prepare(torch.rand(2, 4, 512))
    forced(model, prepared, tokens).sum().backward()
    assert model.evidence.score.weight.grad is None
    assert model.initial_from_evidence.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.5, 0.4, 0.6), (1.0, 1, 1)])
def test_training_hides_a_share_of_the_evidence(decoder, share, low, high):
    model = decoder(evidence_dropout=share)
    grid = torch.rand(300, 4, 512)
    assert (model.prepare(grid).evidence[:, IDS] != 0).all()
    torch.manual_seed(0)
    trained = model.train().prepare(grid)
    hidden = (trained.evidence[:, IDS] == 0).float().mean().item()
    assert low <= hidden <= high
    # The loss of the evidence itself sees all of it.
    assert torch.equal(trained.word_logits, model.eval().prepare(grid).word_logits)


def test_an_imagined_image_is_known_by_its_evidence_alone(decoder):
    model = decoder()
    word_logits = torch.tensor([[3.0, -3.0, -3.0], [3.0, -3.0, -3.0], [-3.0, 3.0, -3.0]])
    prepared = model.prepare_imagined(word_logits)
    assert prepared.features.shape == (3, 1, 16) and not prepared.features.any()
    assert torch.equal(prepared.word_logits, word_logits)
    assert torch.equal(prepared.evidence, model.evidence.spread(model.evidence.gain(word_logits)))
    logits = forced(model, prepared, torch.randint(0, WORDS, (1, 2, 4)).expand(3, -1, -1))
    assert torch.equal(logits[0], logits[1]) and not torch.equal(logits[0], logits[2])
    # In the start state too, not only in the words' own logits.
    assert not torch.equal(prepared.h0[0], prepared.h0[2])


def test_without_evidence_there_is_none(decoder):
    torch.manual_seed(0)
    config = ModelConfig(encoder="resnet18", encoder_weights="random", width=16, hidden=24)
    model = build_model(config, WORDS)
    prepared = model.decoder.prepare(torch.rand(1, 4, 512))
    assert prepared.evidence is None and prepared.word_logits is None
    assert model.evidence_ids.shape == (0,)
