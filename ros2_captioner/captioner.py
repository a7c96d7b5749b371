"""Frames to captions: the only entry point to the model. Knows nothing of ROS."""

from __future__ import annotations

import dataclasses
import functools
import math
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.backends.base import Backend
from ros2_captioner.backends.checked import CheckedStepper
from ros2_captioner.backends.choice import choose
from ros2_captioner.backends.failover import Failover
from ros2_captioner.beam_search import DecodingOptions, Hypothesis, Stepper, beam_search
from ros2_captioner.bundle import Bundle, load_bundle
from ros2_captioner.bundle.manifest import search_of
from ros2_captioner.captions import Caption, CaptionBatch, Timing
from ros2_captioner.errors import BackendError, FrameError
from ros2_captioner.evidence.confidence import ConfidenceModel, confidence_features
from ros2_captioner.evidence.objects import ObjectWords
from ros2_captioner.memory import return_freed_memory
from ros2_captioner.preprocess import preprocess_batch
from ros2_captioner.vocabulary import Vocabulary, detokenize, tokenize
from ros2_captioner.word_rules import WordRules


class Captioner:
    """A loaded model. One caller at a time runs it; further threads wait.

    Args:
        bundle: verified model, see `ros2_captioner.bundle.load_bundle`.
        failover: the bundle loaded in a runtime, see `ros2_captioner.backends.choice.choose`.
    """

    def __init__(self, bundle: Bundle, failover: Failover) -> None:
        self.bundle = bundle
        self._failover = failover
        self._objects = ObjectWords.of_manifest(bundle.manifest, bundle.vocabulary)
        self._visible = ObjectWords.with_scene(bundle.manifest, bundle.vocabulary)
        self._confidence = ConfidenceModel.of_manifest(bundle.manifest)
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        model: Path | str = "",
        backend: str = "auto",
        precision: str = "auto",
        device: str = "auto",
        engine_cache: str = "",
        trusted_keys: Path | str = "",
    ) -> Captioner:
        """Load a bundle; the shipped one if ``model`` is empty.

        ``trusted_keys`` is as of `ros2_captioner.bundle.load_bundle`, the rest as of
        `ros2_captioner.backends.choice.choose`.

        Raises:
            BundleError: the bundle is missing or damaged.
            BackendError: the runtime is unknown, missing, or lacks the device.
        """
        bundle = load_bundle(model, trusted_keys)
        captioner = cls(bundle, choose(bundle, backend, precision, device, engine_cache))
        return_freed_memory()
        return captioner

    @property
    def backend(self) -> Backend:
        """The runtime in use."""
        return self._failover.backend

    @property
    def reason(self) -> str:
        """Why no better runtime was chosen, in a sentence; empty if there is none."""
        return self._failover.reason

    @property
    def trouble(self) -> str:
        """Which runtime failed and which one took over, or what else is amiss; empty if nothing."""
        return self._failover.trouble or self.backend.remark

    def default_options(self) -> DecodingOptions:
        """Decoding options that the bundle's metrics were measured with."""
        return search_of(self.bundle.manifest)

    def caption(
        self, frames: Sequence[NDArray[np.uint8]], options: DecodingOptions | None = None
    ) -> CaptionBatch:
        """Caption a batch of frames together.

        Args:
            frames: at least one uint8 ``[height, width, 3]`` RGB array, sizes may differ.
            options: the bundle's defaults if None.

        Returns:
            One caption a frame, in order.

        Raises:
            FrameError: there is no frame, with reason ``empty``, or one is not an RGB image.
            BackendError: the runtime failed, and so did its fallback.
        """
        if not len(frames):  # an array of frames has no truth value
            raise FrameError("empty", "found no frames; expected at least one")
        options = options or self.default_options()
        with self._lock:
            self._failover.restore()
            try:
                batch = self._run(frames, options)
            except BackendError as error:
                self._failover.replace(error)
                return self._run(frames, options)
            self._failover.succeeded()
            return batch

    def _run(self, frames: Sequence[NDArray[np.uint8]], options: DecodingOptions) -> CaptionBatch:
        """Caption any number of frames, as many together as the runtime takes."""
        size = self.backend.max_batch
        parts = [
            self._run_together(frames[first : first + size], options)
            for first in range(0, len(frames), size)
        ]
        captions = tuple(caption for part in parts for caption in part.captions)
        times = zip(*(dataclasses.astuple(part.timing) for part in parts), strict=True)
        return CaptionBatch(captions, Timing(*map(sum, times)))

    def _run_together(
        self, frames: Sequence[NDArray[np.uint8]], options: DecodingOptions
    ) -> CaptionBatch:
        begun = time.perf_counter()
        inputs = preprocess_batch(frames, self.bundle.image_size)
        preprocessed = time.perf_counter()
        encoding = self.backend.encode(inputs)
        encoded = time.perf_counter()
        found = self.search(encoding, len(frames), options)
        decoded = time.perf_counter()
        evidence = self.backend.evidence(encoding)
        captions = tuple(
            self._caption(hypotheses, options, None if evidence is None else evidence[place])
            for place, hypotheses in enumerate(found)
        )
        timing = Timing(
            1e3 * (preprocessed - begun), 1e3 * (encoded - preprocessed), 1e3 * (decoded - encoded)
        )
        return CaptionBatch(captions, timing)

    def search(
        self, encoding: object, batch: int, options: DecodingOptions
    ) -> list[list[Hypothesis]]:
        """Search captions for images that the backend has encoded.

        Args:
            encoding: what `Backend.encode` gave.
            batch: number of its images.
            options: see `DecodingOptions`.

        Returns:
            For each image its hypotheses, best first, at least one.

        Raises:
            BackendError: the runtime failed.
        """
        stepper = self.backend.start(encoding, options.beam_width)
        return search_words(stepper, batch, options, self.bundle.vocabulary, self._visible)

    def _caption(
        self,
        hypotheses: Sequence[Hypothesis],
        options: DecodingOptions,
        evidence: NDArray[np.float32] | None,
    ) -> Caption:
        best, *others = (worded(found, self.bundle.vocabulary) for found in hypotheses)
        best = dataclasses.replace(best, alternatives=tuple(others[: options.num_alternatives]))
        if evidence is None:
            return best
        return dataclasses.replace(
            best,
            objects=self._visible.seen(evidence),
            confidence=self._confidence_of(hypotheses, evidence),
        )

    def _confidence_of(
        self, hypotheses: Sequence[Hypothesis], evidence: NDArray[np.float32]
    ) -> float | None:
        if self._confidence is None:
            return None
        return self._confidence.probability(
            confidence_features(hypotheses, evidence, self._objects)
        )


def search_words(
    stepper: Stepper,
    batch: int,
    options: DecodingOptions,
    vocabulary: Vocabulary,
    objects: ObjectWords,
) -> list[list[Hypothesis]]:
    """Beam search by options that name words; see `ros2_captioner.beam_search.beam_search`."""
    checked = CheckedStepper(stepper, len(vocabulary))
    rules = _word_rules(options, vocabulary, objects)
    return beam_search(checked, batch, options, rules, vocabulary.start)


@functools.lru_cache(maxsize=8)  # every caption asks for the same
def _word_rules(
    options: DecodingOptions, vocabulary: Vocabulary, objects: ObjectWords
) -> WordRules:
    """What the options forbid, with their words as ids."""
    banned = _phrase_ids(vocabulary, options.banned_words)
    return WordRules(
        end=vocabulary.end,
        never=[[vocabulary.start], [vocabulary.unknown], *banned],
        never_last=_phrase_ids(vocabulary, options.never_last),
        once=objects.ids.tolist() if options.no_repeat_objects else (),
        min_length=options.min_length,
        no_repeat_ngram=options.no_repeat_ngram,
    )


def _phrase_ids(vocabulary: Vocabulary, phrases: Sequence[str]) -> list[list[int]]:
    """Token ids of each phrase; those with unknown words are left out, as no caption holds them."""
    words = map(tokenize, phrases)
    return [ids for each in words if len(ids := vocabulary.known_ids(each)) == len(each)]


def worded(hypothesis: Hypothesis, vocabulary: Vocabulary) -> Caption:
    """A hypothesis of the search in words, its attention as a square grid for each."""
    words = tuple(vocabulary.decode(hypothesis.ids))
    side = math.isqrt(hypothesis.attention.shape[1])
    return Caption(
        detokenize(words),
        hypothesis.score,
        words,
        tuple(float(value) for value in hypothesis.log_probs),
        hypothesis.attention.reshape(len(words), side, side),
    )
