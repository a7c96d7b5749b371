"""Captions of the torch model."""

import pytest
from tiny import images_of

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from training.model.captioning import build_model
from training.scoring.decode import decode_batches, prepared_images


def test_prepared_images_hold_no_graph_however_many_are_kept(tiny_config):
    config = tiny_config()
    model = build_model(config.model, 10)
    for prepared in list(prepared_images(model, images_of(config), config)):
        assert prepared.features.is_inference() and prepared.features.grad_fn is None


@pytest.mark.parametrize("rule", ["banned_words", "never_last"])
def test_the_words_of_the_options_are_obeyed_as_at_run_time(tiny_config, rule):
    config, vocabulary = tiny_config(), Vocabulary([*SPECIAL_TOKENS, *"abcdefg"])
    model = build_model(config.model, len(vocabulary))
    short = {"min_length": 3, "length_penalty": 0.0}  # as max_length cuts anywhere

    def captions(**options):
        prepared = prepared_images(model, images_of(config)[:1], config)
        options = DecodingOptions(**{"never_last": (), **short, **options})
        return decode_batches(model.decoder, prepared, vocabulary, options)

    (plain,) = captions()
    (phrase,) = captions(**{rule: (plain[-3:],)})
    (word,) = captions(**{rule: (plain[-1],)})
    assert not phrase.endswith(plain[-3:]) and not word.endswith(plain[-1])
