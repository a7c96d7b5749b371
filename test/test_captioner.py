"""The shipped model through the captioner."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ros2_captioner.backends.failover import Failover
from ros2_captioner.backends.host import Encoding
from ros2_captioner.backends.onnxruntime import OnnxRuntimeBackend
from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError, FrameError
from ros2_captioner.evidence.confidence import ConfidenceModel, confidence_features
from ros2_captioner.evidence.objects import ObjectWords
from ros2_captioner.images.files import read_image
from ros2_captioner.preprocess import preprocess_batch

PHOTOGRAPHS = Path(__file__).parents[1] / "ros2_captioner/ros/demo/photographs"


def test_caption_is_a_sentence_with_its_words_and_attention(captioner, photograph):
    assert captioner.caption([photograph], DecodingOptions()).captions[0].alternatives == ()
    batch = captioner.caption([photograph], DecodingOptions(num_alternatives=2))
    caption = batch.captions[0]
    assert len(caption.words) >= 4 and caption.text.startswith(caption.words[0])
    assert caption.attention.shape == (len(caption.words), 7, 7)
    sums = caption.attention.sum(axis=(1, 2))
    assert (sums > 0).all() and (sums <= 1.001).all()
    assert all(log_prob < 0 for log_prob in caption.log_probs)
    scores = [caption.score, *(other.score for other in caption.alternatives)]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert min(batch.timing.preprocess_ms, batch.timing.encode_ms, batch.timing.decode_ms) > 0


def test_a_batch_gives_what_single_frames_give(captioner, photograph, second_photograph):
    frames = [photograph, second_photograph, photograph[:200]]
    together = captioner.caption(frames).captions
    alone = [captioner.caption([frame]).captions[0] for frame in frames]
    assert [caption.text for caption in together] == [caption.text for caption in alone]


def test_more_frames_than_the_runtime_takes_are_captioned_in_turn(
    captioner, photograph, second_photograph, monkeypatch
):
    frames = [photograph, second_photograph, photograph[:200], photograph, second_photograph]
    together = captioner.caption(frames).captions
    monkeypatch.setattr(captioner.backend, "max_batch", 2)
    batch = captioner.caption(frames)
    assert [caption.text for caption in batch.captions] == [c.text for c in together]
    assert min(batch.timing.preprocess_ms, batch.timing.encode_ms, batch.timing.decode_ms) > 0


def test_float16_variant_runs(captioner, photograph):
    half = type(captioner).load(precision="float16", device="cpu")
    assert half.backend.precision == "float16"
    assert len(half.caption([photograph]).captions[0].words) >= 4
    assert not half.trouble  # another runtime would have taken over


def test_banned_words_and_length_limits_hold(captioner, photograph):
    plain = captioner.caption([photograph], DecodingOptions()).captions[0]
    banned = plain.words[1]
    options = DecodingOptions(banned_words=(banned.upper(),), max_length=5)
    caption = captioner.caption([photograph], options).captions[0]
    assert banned not in caption.words and len(caption.words) <= 5


def test_a_banned_phrase_never_appears_and_its_words_may(captioner, photograph):
    options = {"beam_width": 3, "min_length": 4}
    plain = captioner.caption([photograph], DecodingOptions(**options)).captions[0]
    first, second = plain.words[:2]
    banned = (f" {first.upper()}  {second}.", "", "flibbertigibbet dog")
    other = captioner.caption([photograph], DecodingOptions(banned_words=banned, **options))
    words = other.captions[0].words
    assert (first, second) not in itertools.pairwise(words)
    single = captioner.caption([photograph], DecodingOptions(banned_words=(first,), **options))
    assert first not in single.captions[0].words


def test_no_object_is_named_twice_unless_it_may_be(captioner):
    scene = captioner.bundle.manifest["evidence"]["scene"]
    frames = [read_image(str(file)) for file in sorted(PHOTOGRAPHS.glob("*.jpg"))]

    def twice(**options):
        captions = captioner.caption(frames, DecodingOptions(**options)).captions
        return [c.text for c in captions if any(c.words.count(word) > 1 for word in scene)]

    assert not twice()
    assert twice(no_repeat_objects=False)


def test_places_are_seen_and_confidence_is_that_of_objects_alone(captioner, photograph):
    bundle, backend, options = captioner.bundle, captioner.backend, captioner.default_options()
    caption = captioner.caption([photograph], options).captions[0]
    encoding = backend.encode(preprocess_batch([photograph], bundle.image_size))
    evidence = backend.evidence(encoding)[0]
    (hypotheses,) = captioner.search(encoding, 1, options)
    model = ConfidenceModel.of_manifest(bundle.manifest)
    objects, visible = (
        of(bundle.manifest, bundle.vocabulary)
        for of in (ObjectWords.of_manifest, ObjectWords.with_scene)
    )
    assert caption.objects == visible.seen(evidence) != objects.seen(evidence)
    of_objects, of_all = (
        model.probability(confidence_features(hypotheses, evidence, words))
        for words in (objects, visible)
    )
    assert caption.confidence == pytest.approx(of_objects) and of_objects != of_all


def test_no_caption_ends_with_a_word_that_is_never_last(captioner, photograph):
    plain = captioner.caption([photograph], DecodingOptions()).captions[0]
    options = DecodingOptions(never_last=("flibbertigibbet", plain.words[-1].upper()))
    assert captioner.caption([photograph], options).captions[0].words[-1] != plain.words[-1]


def test_a_phrase_is_never_last_and_its_words_may_be(captioner, photograph):
    def words(*never_last):
        options = DecodingOptions(never_last=never_last)
        return captioner.caption([photograph], options).captions[0].words

    *_, before, last = words()
    other = words(f"{before.upper()}  {last}.")
    assert other[-2:] != (before, last)
    assert words("", f"flibbertigibbet {last}", f"{last} {last}") == words()


class Overflowing(OnnxRuntimeBackend):
    """As where an image is too much for the precision."""

    name = "overflowing"

    def encode(self, frames):
        found = super().encode(frames)
        return Encoding(
            found.constants, {name: 0 * state / 0 for name, state in found.state.items()}
        )


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_runtime_that_gives_nan_is_replaced(captioner, photograph):
    bundle = captioner.bundle
    loaders = [lambda: Overflowing(bundle), lambda: OnnxRuntimeBackend(bundle)]
    found = Captioner(bundle, Failover(loaders))
    texts = [each.caption([photograph]).captions[0].text for each in (found, captioner)]
    assert texts[0] == texts[1] and "log-probabilities up to nan" in found.trouble


def test_a_failure_that_does_not_come_again_is_forgotten(captioner, photograph):
    failures = [BackendError("lost")]

    class FailingOnce(OnnxRuntimeBackend):
        def encode(self, frames):
            if failures:
                raise failures.pop()
            return super().encode(frames)

    bundle = captioner.bundle
    found = Captioner(bundle, Failover([lambda: FailingOnce(bundle)], retry_s=0))
    assert found.caption([photograph]).captions[0].text
    assert found.trouble == "onnxruntime on cpu failed (lost); reloaded"
    found.caption([photograph])
    assert not found.trouble


def test_no_picture_is_refused(captioner):
    with pytest.raises(FrameError):
        captioner.caption([np.zeros((4, 4), np.uint8)])


@pytest.mark.parametrize("frames", [[], np.zeros((0, 4, 4, 3), np.uint8)], ids=["list", "array"])
def test_no_frames_are_refused(captioner, frames):
    with pytest.raises(FrameError, match="found no frames; expected at least one") as refused:
        captioner.caption(frames)
    assert refused.value.reason == "empty"


def test_importing_the_package_needs_neither_torch_nor_ros():
    code = (
        "import sys, ros2_captioner, ros2_captioner.tools.caption as tool\n"
        "ros2_captioner.Captioner.load(device='cpu')\n"
        "print([m for m in ('torch', 'rclpy', 'onnx', 'training') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
