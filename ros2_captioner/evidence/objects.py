"""What the model finds in an image before it writes: evidence for words, and the objects seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.vocabulary import Vocabulary

EVIDENCE = "evidence"  # the tensor that the encoder gives and the decoder takes
_LEAST_PROBABILITY = 0.2
_MOST_OBJECTS = 10


class ObjectWords:
    """The words of a model that name objects, grouped by the object: "couch" and "sofa".

    Args:
        objects: object to its words, each with the natural logarithm of the share of all images
            whose captions hold it, as the manifest's section ``evidence`` lists them.
        vocabulary: of the model.

    Attributes:
        ids: int64 ``[number of words]``, of all these words.
    """

    def __init__(self, objects: Mapping[str, Mapping[str, float]], vocabulary: Vocabulary) -> None:
        self._words = tuple(chain.from_iterable(objects.values()))
        self.ids = np.asarray(vocabulary.encode(self._words), np.int64)
        priors = chain.from_iterable(words.values() for words in objects.values())
        self._log_priors = np.fromiter(priors, np.float32)
        sizes = [len(words) for words in objects.values()]
        self._first = np.cumsum([0, *sizes])[:-1]
        self._objects = np.repeat(range(len(sizes)), sizes).tolist()  # of each word
        self._object_of = dict(zip(self.ids.tolist(), self._objects, strict=True))

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any], vocabulary: Vocabulary) -> ObjectWords:
        """The objects by which captions are judged; none if the model has no evidence."""
        return cls(manifest.get("evidence", {}).get("objects", {}), vocabulary)

    @classmethod
    def with_scene(cls, manifest: Mapping[str, Any], vocabulary: Vocabulary) -> ObjectWords:
        """Those objects, and the places and things that scenes are made of."""
        section = manifest.get("evidence", {"objects": {}, "scene": {}})
        return cls(section["scene"] | section["objects"], vocabulary)

    def probabilities(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[N]``, the probability of each object, that of its likeliest word.

        Args:
            evidence: ``[V]``, log p(word | image) - log p(word) for each word, nats.
        """
        if not self._words:
            return np.zeros(0, np.float32)
        return np.asarray(np.maximum.reduceat(self._of_words(evidence), self._first), np.float32)

    def named(self, ids: Sequence[int]) -> list[int | None]:
        """For each word of a caption the place of the object that it names, if it names one."""
        return [self._object_of.get(identifier) for identifier in ids]

    def seen(self, evidence: NDArray[np.float32]) -> tuple[tuple[str, float], ...]:
        """The likeliest word of each object that is probably there, likeliest first.

        Args:
            evidence: float32 ``[V]``, as of `probabilities`.

        Returns:
            Word and probability (0.2 to 1) of at most ten objects.
        """
        if not self._words:
            return ()
        of_words = self._of_words(evidence)
        likely = np.flatnonzero(of_words >= _LEAST_PROBABILITY)
        found: dict[int, tuple[str, float]] = {}  # by object
        for place in likely[np.argsort(-of_words[likely], kind="stable")].tolist():
            found.setdefault(self._objects[place], (self._words[place], float(of_words[place])))
        once = dict(found.values())  # two objects may share a word, as a desk is a table too
        return tuple(once.items())[:_MOST_OBJECTS]

    def _of_words(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
        # Rounding may leave a little more than certainty.
        logarithms = np.minimum(0.0, evidence[self.ids] + self._log_priors)
        return np.asarray(np.exp(logarithms), np.float32)
