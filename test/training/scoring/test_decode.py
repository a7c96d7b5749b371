"""Captions of the torch model."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny import images_of

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.model.captioning import build_model
from training.scoring.decode import TorchStepper, candidates, caption_batches, prepared_images


def test_prepared_images_hold_no_graph_however_many_are_kept(tiny_config):
    config = tiny_config()
    model = build_model(config.model, 10)
    for prepared in list(prepared_images(model, images_of(config), config)):
        assert prepared.features.is_inference() and prepared.features.grad_fn is None


def test_candidates_of_rounded_logits_are_scored_in_float32():
    logits = 4 * torch.randn(2, 3, 50, generator=torch.Generator().manual_seed(0)).half()
    log_probs, ids = candidates(logits, 50)
    assert log_probs.dtype == torch.float32 and ids.dtype == torch.int32
    torch.testing.assert_close(log_probs.exp().sum(dim=-1), torch.ones(2, 3), rtol=0, atol=1e-6)
    best, few = candidates(logits, 5)
    assert torch.equal(few, ids[..., :5]) and best[0, 0].tolist() == sorted(best[0, 0])[::-1]


def test_a_beam_goes_on_from_all_of_its_parent(tiny_config):
    model = build_model(tiny_config().model, 10).eval()
    with torch.inference_mode():
        prepared = model.decoder.prepare(torch.rand(1, 4, 512))

        def second(first_tokens, parents):
            stepper = TorchStepper(model.decoder, prepared, 2)
            stepper.step(np.array([first_tokens], np.int32), np.zeros((1, 2), np.int64))
            return stepper.step(np.array([[5, 6]], np.int32), np.array([parents]))

        swapped, plain = second([3, 4], [1, 0]), second([4, 3], [0, 1])
    np.testing.assert_allclose(swapped.log_probs, plain.log_probs, rtol=1e-5)
    assert np.exp(plain.log_probs).sum(axis=-1) == pytest.approx(np.ones((1, 2)), abs=1e-5)


def texts(model, *batches_vocabulary_options):
    captions = caption_batches(model.decoder, *batches_vocabulary_options)
    return [caption.text for caption in captions]


def test_captions_amid_training_are_without_dropout(tiny_config):
    config, vocabulary = tiny_config(), Vocabulary([*SPECIAL_TOKENS, *"abcdefg"])
    model = build_model(dataclasses.replace(config.model, dropout=0.9), len(vocabulary))

    def captions():
        prepared = prepared_images(model.train(), images_of(config), config)
        return texts(model, prepared, vocabulary, DecodingOptions(min_length=3))

    assert captions() == captions()


@pytest.mark.parametrize("rule", ["banned_words", "never_last"])
def test_the_words_of_the_options_are_obeyed_as_at_run_time(tiny_config, rule):
    torch.manual_seed(1)  # some models end no caption before it is cut
    config, vocabulary = tiny_config(), Vocabulary([*SPECIAL_TOKENS, *"abcdefg"])
    model = build_model(config.model, len(vocabulary))
    short = {"min_length": 3, "length_penalty": 0.0}  # as max_length cuts anywhere

    def captions(**options):
        prepared = prepared_images(model, images_of(config)[:1], config)
        options = DecodingOptions(**{"never_last": (), **short, **options})
        return texts(model, prepared, vocabulary, options)

    (plain,) = captions()
    (phrase,) = captions(**{rule: (plain[-3:],)})
    (word,) = captions(**{rule: (plain[-1],)})
    assert not phrase.endswith(plain[-3:]) and not word.endswith(plain[-1])


@pytest.mark.parametrize(("word", "allowed"), [("dog", False), ("street", False), ("dog", True)])
def test_objects_and_places_with_evidence_are_named_once_as_at_run_time(tiny_config, word, allowed):
    config, vocabulary = tiny_config(), Vocabulary([*SPECIAL_TOKENS, "dog", "street", *"abc"])
    model = build_model(dataclasses.replace(config.model, evidence_words=2), len(vocabulary))
    ids = torch.tensor(vocabulary.encode(["dog", "street"]))
    model.decoder.evidence.choose_words(ids, torch.tensor([0.3, 0.2]))
    with torch.no_grad():
        model.decoder.logit_bias[vocabulary.encode([word])] = 20
    prepared = prepared_images(model, images_of(config)[:1], config)
    options = DecodingOptions(min_length=5, no_repeat_ngram=0, no_repeat_objects=not allowed)
    (text,) = texts(model, prepared, vocabulary, options)
    assert (text.split().count(word) > 1) == allowed and word in text
