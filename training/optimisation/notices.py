"""What whoever trains should know of data and config that is no error."""

from __future__ import annotations

from training.config.settings import TrainConfig
from training.data.captions import CaptionedImage
from training.data.words import frequent_words
from training.machine import distributed
from training.optimisation.stages import Splits, Stage


def show_data(splits: Splits) -> None:
    """How many images there are, and validation images whose scores tell nothing."""
    if distributed.rank() > 0:
        return
    validated = splits.validation_images
    print(
        f"{len(splits.train.images)} training and {len(validated)} validation images, "
        f"{len(splits.vocabulary)} words"
    )
    labelled = (one for one in splits.train.images if one.captions or one.objects or one.absent)
    learnt = set(map(_file, labelled))
    both = sum(_file(image) in learnt for image in validated)
    if both:
        print(
            f"{both} of the validation images are trained on too, so that scores of them tell "
            "nothing of new ones; expected others: 'part' divides a source"
        )
    for name, images in splits.val.items():
        if images[0].captions and len(images) == 1:  # no word tells it from other images
            print(
                f"data.val: {name} has one image, of which CIDEr is 0 whatever is said; expected "
                "several, to choose the best epoch by"
            )


def _file(image: CaptionedImage) -> tuple[int, int]:
    """Which file an image is, by whatever path."""
    status = image.path.stat()
    return status.st_dev, status.st_ino


def show_unused_sources(config: TrainConfig) -> None:
    """Sources without captions of which no loss learns: their images would be read in vain."""
    if distributed.rank() > 0:
        return
    for source in config.data.train:
        if source.captions:
            continue
        weights = ["sentence_weight" if source.sentences else "distillation"]
        if source.objects:
            weights.append("evidence_weight")
        if not any(getattr(config.optim, name) for name in weights):
            print(
                f"data.train: nothing is learnt from {source.name}, which has no captions: found "
                f"optim.{' and optim.'.join(weights)} 0; expected a weight, or no such source"
            )


def show_lost_words(config: TrainConfig, splits: Splits) -> None:
    """Words of the captions that a new run would learn, but the vocabulary of an earlier lacks."""
    if not config.start_from or distributed.rank() > 0:
        return
    count = config.data.min_word_count
    frequent = frequent_words(splits.train.captions, count)
    lost = [word for word in frequent if not splits.vocabulary.known_ids([word])]
    if lost:
        print(
            f"{len(lost)} words that occur {count} times or more in the captions are not in the "
            f"vocabulary of {config.start_from} and are not learnt, e.g. {', '.join(lost[:5])}; "
            "to learn them, train without start_from"
        )


def show_few_steps(stage: Stage, steps: int) -> None:
    """What a config asks of a stage that was written for more images, or for smaller batches."""
    if distributed.rank() > 0:
        return
    warmup, decay = stage.settings.warmup_steps, stage.config.optim.ema_decay
    if warmup > steps:
        print(
            f"{stage.name}.warmup_steps: found {warmup} for {steps} steps in all, in which the "
            "learning rates never reach their peak; expected fewer"
        )
    averaged = round(1 / (1 - decay))
    if averaged > steps:
        print(
            f"optim.ema_decay: found {decay}, an average over some {averaged} steps, for {steps} "
            f"steps of {stage.name} in all, of which the weights that are kept learn little; "
            "expected less"
        )
