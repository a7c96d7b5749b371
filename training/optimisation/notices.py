"""What whoever trains should know of data and config that is no error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from ros2_captioner.vocabulary import tokenize
from training.config.settings import TrainConfig
from training.model.features import image_digest
from training.optimisation.stages import Splits, Stage

_MANY = 0.05  # of all captions; in COCO and Flickr8k one of 70 has more than 20 words


def notices(config: TrainConfig, splits: Splits) -> Iterator[str]:
    """A line on how much data there is, then one on each thing that is hardly as it is meant."""
    yield (
        f"{len(splits.train.images)} training and {len(splits.validation_images)} validation "
        f"images, {len(splits.vocabulary)} words"
    )
    yield from _validation_images_trained_on(splits)
    yield from _single_validation_images(splits)
    yield from _unused_sources(config)
    yield from _new_words(config, splits)
    yield from _long_captions(config, splits)


def _validation_images_trained_on(splits: Splits) -> Iterator[str]:
    validated = [image.path for image in splits.validation_images]
    labelled = (one for one in splits.train.images if one.captions or one.objects or one.absent)
    both = _found_in(validated, [image.path for image in labelled])
    if both:
        yield (
            f"{both} of the validation images are trained on too, so that scores of them tell "
            "nothing of new ones; expected others: 'part' divides a source"
        )


def _found_in(paths: Sequence[Path], others: Sequence[Path]) -> int:
    """How many files have the content of one of the others, whatever they are called."""
    sizes = {path.stat().st_size for path in paths} & {other.stat().st_size for other in others}
    # Few have the size of another: only those are read.
    known = {image_digest(other) for other in others if other.stat().st_size in sizes}
    return sum(path.stat().st_size in sizes and image_digest(path) in known for path in paths)


def _single_validation_images(splits: Splits) -> Iterator[str]:
    for name, images in splits.val.items():
        if images[0].captions and len(images) == 1:  # no word tells it from other images
            yield (
                f"data.val: {name} has one image, of which CIDEr is 0 whatever is said; expected "
                "several, to choose the best epoch by"
            )


def _unused_sources(config: TrainConfig) -> Iterator[str]:
    """Sources without captions of which no loss learns: their images would be read in vain."""
    for source in config.data.train:
        if source.captions:
            continue
        weights = ["sentence_weight" if source.sentences else "distillation"]
        if source.objects:
            weights.append("evidence_weight")
        if not any(getattr(config.optim, name) for name in weights):
            yield (
                f"data.train: nothing is learnt from {source.name}, which has no captions: found "
                f"optim.{' and optim.'.join(weights)} 0; expected a weight, or no such source"
            )


def _new_words(config: TrainConfig, splits: Splits) -> Iterator[str]:
    if splits.new_words:
        yield (
            f"{len(splits.new_words)} words that occur {config.data.min_word_count} times or more "
            f"in the captions are new to {config.start_from} and are learnt, e.g. "
            f"{', '.join(splits.new_words[:5])}"
        )


def _long_captions(config: TrainConfig, splits: Splits) -> Iterator[str]:
    """Captions that are longer than the model learns or says, if they are not just a few."""
    validated = [image.captions for image in splits.validation_images]
    for key, longest, groups, so in (
        ("data.max_words", config.data.max_words, splits.train.captions,
         "training captions are longer; cut there, they teach to break off"),
        ("validation.max_length", config.validation.max_length, validated,
         "validation captions are longer, which the model's cannot be: they score low"),
    ):  # fmt: skip
        captions = list(chain(*groups))
        long = sum(len(tokenize(text)) > longest for text in captions)
        if long > _MANY * len(captions):
            yield (
                f"{key}: found {longest}; {long} of {len(captions)} {so}; expected shorter "
                "captions, or a higher number"
            )


def few_steps(stage: Stage, steps: int) -> Iterator[str]:
    """What a config asks of a stage that was written for more images, or for smaller batches."""
    warmup, decay = stage.settings.warmup_steps, stage.config.optim.ema_decay
    if warmup > steps:
        yield (
            f"{stage.name}.warmup_steps: found {warmup} for {steps} steps in all, in which the "
            "learning rates never reach their peak; expected fewer"
        )
    averaged = round(1 / (1 - decay))
    if averaged > steps:
        yield (
            f"optim.ema_decay: found {decay}, an average over some {averaged} steps, for {steps} "
            f"steps of {stage.name} in all, of which the weights that are kept learn little; "
            "expected less"
        )
