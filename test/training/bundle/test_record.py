"""What an evaluation writes into a manifest; test_evaluate.py has it written by the command."""

from tiny import images_of

from training.bundle.record import worst_captions


def test_the_worst_captions_come_first(bundle):
    _, config = bundle
    images = images_of(config)
    texts = [image.captions[0] for image in images]
    texts[2] = "nothing of the kind"
    first, *others = worst_captions(images, texts, count=2)
    assert first["caption"] == texts[2] and first["picture"] == images[2].path.name
    assert first["reference"] == images[2].captions[0] and len(others) == 1
