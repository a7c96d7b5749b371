"""What captions invent: people and objects that no reference of the image names.

The measure over objects is CHAIR (Rohrbach et al. 2018, "Object Hallucination in Image
Captioning", section 2), with the references' words as ground truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from ros2_captioner.vocabulary import tokenize
from training.data.captions import CaptionedImage
from training.data.objects import PERSON, named_objects, objects_in

# A person is sure to be there when so many references name one.
_SURE_REFERENCES = 3


@dataclass(frozen=True)
class Truth:
    """How far captions name what is there; all rates 0 to 1, NaN where nothing was counted.

    Attributes:
        people_invented: of images none of whose references names a person, the share whose
            caption names one.
        people_missed: of images of which at least three references name a person, the share
            whose caption names none.
        chair_i: of all mentions of objects, the share that no reference of their image names.
        chair_s: of all captions, the share with at least one such mention.
    """

    people_invented: float
    people_missed: float
    chair_i: float
    chair_s: float


def truth(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Truth:
    """Measure captions against the references of their images, one list an image."""
    invented_people, missed_people, inventions = [], [], []
    mentions = 0
    for text, captions in zip(hypotheses, references, strict=True):
        said = objects_in(tokenize(text))
        naming_people = sum(PERSON in objects_in(tokenize(caption)) for caption in captions)
        if naming_people == 0:
            invented_people.append(PERSON in said)
        if naming_people >= _SURE_REFERENCES:
            missed_people.append(PERSON not in said)
        mentions += len(said)
        inventions.append(len(invented(text, captions)))
    return Truth(
        _share(invented_people),
        _share(missed_people),
        sum(inventions) / mentions if mentions else float("nan"),
        _share([count > 0 for count in inventions]),
    )


def truth_values(images: Sequence[CaptionedImage], texts: Sequence[str]) -> dict[str, float]:
    """The rates of `Truth` by their names, those that nothing was counted for left out.

    Of images without captions the objects that were listed by hand say whether a person is
    there; as such lists leave most kinds of objects out, nothing else is measured of them.
    """
    if images[0].captions:
        found = truth(texts, [image.captions for image in images])
        values = {
            "people invented": found.people_invented,
            "people missed": found.people_missed,
            "CHAIR_i": found.chair_i,
            "CHAIR_s": found.chair_s,
        }
    else:
        found = truth(texts, [tuple(image.objects) for image in images])
        values = {"people invented": found.people_invented}
    return {name: value for name, value in values.items() if not math.isnan(value)}


def worst_first(
    texts: Sequence[str], references: Sequence[Sequence[str]], scores: Sequence[float]
) -> list[int]:
    """Places of the captions: most inventions first, of equals the lowest score, the longest."""
    inventions = [len(invented(text, known)) for text, known in zip(texts, references, strict=True)]
    return sorted(
        range(len(texts)), key=lambda place: (-inventions[place], scores[place], -len(texts[place]))
    )


def invented(text: str, references: Iterable[str]) -> list[str]:
    """Categories that a caption names and no reference does, as often as it names them."""
    there = named_objects(references)
    return [category for category in objects_in(tokenize(text)) if category not in there]


def _share(cases: Sequence[bool]) -> float:
    return mean(map(float, cases)) if cases else float("nan")
