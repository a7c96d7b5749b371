"""Every way in which a manifest can be wrong; FUZZ_MANIFESTS sets how many are made up."""

import copy
import json
import os
import random
from collections import Counter

import pytest
from bundles import replace

from ros2_captioner.bundle import DEFAULT_BUNDLE, load_bundle
from ros2_captioner.bundle.manifest import parse_manifest
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import CaptionerError

MANIFESTS = int(os.environ.get("FUZZ_MANIFESTS", "40"))
SHIPPED = json.loads((DEFAULT_BUNDLE / "manifest.json").read_text())
INPUTS, OUTPUTS = (("graphs", "decoder", side) for side in ("inputs", "outputs"))
GONE = object()


def changed(keys, value):
    manifest = copy.deepcopy(SHIPPED)
    *parents, last = keys
    place = manifest
    for key in parents:
        place = place[key]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return manifest


def refusal(folder, text):
    file = folder / "manifest.json"
    with pytest.raises(CaptionerError) as caught:
        parse_manifest(file, text.encode())
    message = str(caught.value)
    assert str(file) in message and "expected" in message and "training.export" in message
    return message


@pytest.mark.parametrize(
    ("keys", "value", "match"),
    [
        (("variants",), [], "found []; expected the key 'variants' with an object"),
        (("variants",), {}, "expected the key 'variants' with minProperties 1"),
        (("variants", "int4"), {}, "one of ['int8', 'float16', 'float32']"),
        (("variants", "int8", "decoder"), GONE, "expected the key 'variants.int8.decoder'"),
        (("variants", "int8", "encoder"), "elsewhere.onnx", "not among its files"),
        (("preprocessing", "size"), GONE, "expected the key 'preprocessing.size'"),
        (("preprocessing", "size"), "224", "'preprocessing.size' with an integer"),
        (("preprocessing", "size"), True, "'preprocessing.size' with an integer"),
        (("preprocessing", "size"), 256, "'frames' is uint8 [B, 224, 224, 3]; expected uint8 ["),
        (("preprocessing", "resize"), "crop", "the resize rule 'squash'"),
        (("preprocessing", "channels"), "bgr", "with 'rgb'"),
        (("preprocessing", "mean"), [0.5, 0.5], "expected the key 'preprocessing.mean'"),
        (("special_tokens", "<end>"), 7, "the special tokens"),
        (("special_tokens",), GONE, "expected the key 'special_tokens'"),
        (("architecture", "vocabulary_size"), None, "'architecture.vocabulary_size'"),
        (("decoding", "beam_width"), 99, "decoding: beam_width is 99; expected integer from 1"),
        (("decoding", "beam_with"), 3, "decoding: found the options ['beam_with']"),
        (("decoding",), None, "'decoding' with an object"),
        (("files", "../escape"), {"bytes": 1, "sha256": "0" * 64}, "leaves the bundle"),
        (("files", "manifest.json"), {"bytes": 1, "sha256": "0" * 64}, "leaves the bundle"),
        (("files", "encoder.int8.onnx", "sha256"), "", "64 hexadecimal digits"),
        (("files", "encoder.int8.onnx", "bytes"), -1, "minimum 1"),
        (("files", "vocabulary.json"), GONE, "expected the key 'files.vocabulary.json'"),
        (("metrics", "int8", "flickr8k", "CIDEr"), [], "'metrics.int8.flickr8k.CIDEr'"),
        (("metrics", "int8"), {"CIDEr": [0.6]}, "'metrics.int8.CIDEr' with a score"),
        (("metrics", "int8"), {"CIDEr": "high"}, "'metrics.int8.CIDEr' with a score, a number"),
        (("metrics", "int8", "coco", "CIDEr"), "high", "'metrics.int8.coco.CIDEr' with a score"),
        (("training", "sources"), {}, "'training.sources' with an array"),
        (("training", "sources"), ["coco"], "'training.sources.0' with an object"),
        (("variants", "int8", "fused"), 5, "'variants.int8.fused' with string"),
        (("variants", "int8", "fused"), "x.onnx", "variants.int8.fused is 'x.onnx', which is not"),
        (("metrics",), [], "'metrics' with an object"),
        (("name",), 7, "'name' with string"),
        (("graphs", "decoder", "state"), {"x": "y"}, "graphs.decoder.state is {'x': 'y'}"),
        (("graphs", "decoder", "state", "h"), "x_next", "found the tensors"),
        (("graphs", "decoder", "state"), {}, "minProperties"),
        (("graphs", "decoder"), GONE, "expected the key 'graphs.decoder'"),
        (("graphs", "encoder", "outputs", "h0"), GONE, "found the tensors"),
        (("graphs", "encoder", "outputs", "more"), {"dtype": "float32", "shape": ["B", 1]},
         "found the tensors"),
        ((*INPUTS, "tokens"), GONE, "found the tensors"),
        ((*INPUTS, "tokens", "dtype"), "int64", "one of ['uint8', 'int32', 'float16', 'float32']"),
        ((*INPUTS, "h", "shape"), ["B", "K", 256], "tensor 'h0' is float32 [B, 512]; expected"),
        ((*INPUTS, "keys", "shape"), ["B", 50, 512], "tensor 'keys'"),
        ((*INPUTS, "keys", "shape"), ["B", "L", 512], "a positive number, or 'B' or 'K'"),
        ((*INPUTS, "keys", "shape"), [], "minItems"),
        ((*INPUTS, "reorder", "shape"), ["B", "K"], "tensor 'reorder'"),
        ((*OUTPUTS, "log_probs"), GONE, "found the tensors"),
        ((*OUTPUTS, "ids", "shape", 2), 31, "tensor 'log_probs'"),
        ((*OUTPUTS, "attention", "shape", 2), 50, "tensor 'attention' is float32 [B, K, 50]"),
        ((*OUTPUTS, "c_next", "shape"), ["B", "K", 2], "tensor 'c_next'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_what_was_expected(tmp_path, keys, value, match):
    assert match in refusal(tmp_path, json.dumps(changed(keys, value)))


@pytest.mark.parametrize(
    "key", [key for key in SHIPPED if key not in ("schema", "failures", "evidence", "confidence")]
)
def test_every_section_is_needed(tmp_path, key):
    assert f"expected the key {key!r}" in refusal(tmp_path, json.dumps(changed((key,), GONE)))


@pytest.mark.parametrize("schema", [99, None, True, "1", [1], GONE])
def test_another_schema_is_named(tmp_path, schema):
    content = json.dumps(changed(("schema",), schema)).encode()
    with pytest.raises(CaptionerError, match="found schema .*this version reads.*Install"):
        parse_manifest(tmp_path / "manifest.json", content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]7",
        '{"schema": NaN}',
        '{"schema": 1e999}',
        f'{{"schema": 1{"0" * 400}}}',
        "[" * 100_000,
        '{"schema": "\\ud800"}',
    ],
)
def test_what_is_no_json_is_named(tmp_path, text):
    assert "cannot read" in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("keys", "value", "match"),
    [
        (("evidence", "objects"), GONE, "expected the key 'evidence.objects'"),
        (("evidence", "scene", "beach"), {}, "minProperties"),
        (("evidence", "objects", "dog", "dog"), 0.5, "the logarithm of a share, at most 0"),
        (("confidence", "weights", "agreement"), GONE, "'confidence.weights.agreement'"),
        (("confidence", "bias"), "low", "'confidence.bias' with number"),
        (("graphs", "encoder", "outputs", "evidence", "shape"), ["B", 7], "expected float32 [B, "),
        (("graphs", "encoder", "outputs", "evidence"), GONE, "found the tensors"),
        (("graphs", "decoder", "inputs", "evidence"), GONE, "found the tensors"),
    ],
)
def test_what_is_wrong_with_evidence_is_named(tmp_path, keys, value, match):
    assert match in refusal(tmp_path, json.dumps(changed(keys, value)))


def test_evidence_is_of_every_word(tmp_path):
    manifest = copy.deepcopy(SHIPPED)
    for part, side in (("encoder", "outputs"), ("decoder", "inputs")):
        manifest["graphs"][part][side]["evidence"]["shape"] = ["B", 7]
    words = SHIPPED["architecture"]["vocabulary_size"]
    expected = f"'evidence' is float32 [B, 7]; expected float32 [B, {words}]"
    assert expected in refusal(tmp_path, json.dumps(manifest))


def test_of_a_long_value_the_beginning_is_shown(tmp_path):
    said = refusal(tmp_path, json.dumps(changed(("name",), ["word"] * 999)))
    assert 'found ["word", "word", ' in said and len(said) < 200 + len(str(tmp_path))


def test_a_bundle_without_evidence_is_read_as_before(tmp_path):
    manifest = copy.deepcopy(SHIPPED)
    manifest["schema"] = 1
    for section in ("evidence", "confidence"):
        del manifest[section]
    manifest["metrics"] = {"int8": {"CIDEr": 0.6, "signature": "as schema 1 has them"}}
    del manifest["graphs"]["encoder"]["outputs"]["evidence"]
    del manifest["graphs"]["decoder"]["inputs"]["evidence"]
    content = json.dumps(manifest).encode()
    assert parse_manifest(tmp_path / "manifest.json", content) == manifest


def places(value, keys=()):
    """The keys that lead to every value in a JSON document."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield (*keys, key)
        if isinstance(child, (dict, list)):
            yield from places(child, (*keys, key))


ODD = [GONE, None, True, 0, -1, 1.5, 10**12, "", "x", "../x", [], {}, [[]], {"x": {}}, ["B", "K"]]


def mutated(dice):
    """The shipped manifest with one to three of its values exchanged for odd ones."""
    manifest = SHIPPED
    sections = {key: value for key, value in SHIPPED.items() if key not in ("training", "failures")}
    for _ in range(dice.randint(1, 3)):
        place = dice.choice(list(places(sections)))
        try:
            manifest = _exchanged(manifest, place, dice.choice(ODD))
        except (KeyError, IndexError, TypeError):  # an earlier exchange took the place away
            continue
    return manifest


def _exchanged(manifest, keys, value):
    manifest = copy.deepcopy(manifest)
    place = manifest
    for key in keys[:-1]:
        place = place[key]
    if value is GONE:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    return manifest


def outcome(bundle, photograph):
    try:
        captioner = Captioner.load(bundle, device="cpu")
    except CaptionerError as error:
        return "refused" if str(bundle) in str(error) and len(str(error)) < 1000 else str(error)
    return "captions" if captioner.caption([photograph]).captions[0].text else "no caption"


def test_mutated_manifests_are_refused_or_caption(bundle_copy, photograph, marks):
    dice, seen = random.Random(0), Counter()
    for _ in range(MANIFESTS):
        replace(bundle_copy / "manifest.json", json.dumps(mutated(dice)).encode())
        seen[outcome(bundle_copy, photograph)] += 1
    print(dict(seen))
    assert set(seen) <= {"refused", "captions"} and seen["refused"] > 0
    marks("mutated manifests refused by name or captioning", seen.total(), "manifests",
          at_least=MANIFESTS)  # fmt: skip


def test_the_shipped_manifest_is_right():
    assert load_bundle().manifest == SHIPPED


@pytest.mark.parametrize("words", [1, "K"])
def test_a_row_of_the_search_must_have_a_second_word_to_go_on_with(tmp_path, words):
    manifest = copy.deepcopy(SHIPPED)
    for name in ("log_probs", "ids"):
        manifest["graphs"]["decoder"]["outputs"][name]["shape"][2] = words
    assert f"ids holds {words} words a row; expected two" in refusal(tmp_path, json.dumps(manifest))


def test_features_without_cells_are_refused(tmp_path):
    manifest = changed(("graphs", "encoder", "outputs", "features", "shape"), ["B"])
    manifest["graphs"]["decoder"]["inputs"]["features"]["shape"] = ["B"]
    assert "tensor 'attention'" in refusal(tmp_path, json.dumps(manifest))
