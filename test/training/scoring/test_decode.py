"""Captions of the torch model."""

from tiny import images_of

from training.model.captioning import build_model
from training.scoring.decode import prepared_images


def test_prepared_images_hold_no_graph_however_many_are_kept(tiny_config):
    config = tiny_config()
    model = build_model(config.model, 10)
    for prepared in list(prepared_images(model, images_of(config), config)):
        assert prepared.features.is_inference() and prepared.features.grad_fn is None
