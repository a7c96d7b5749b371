"""The shipped bundle, and every way in which a bundle can be wrong."""

import json

import pytest

from ros2_captioner.bundle import DEFAULT_BUNDLE, Tensor, check_tensors, load_bundle
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError, BundleError


def edit(bundle, change):
    """Apply ``change`` to the manifest of a copied bundle."""
    file = bundle / "manifest.json"
    manifest = json.loads(file.read_text())
    change(manifest)
    file.unlink()
    file.write_text(json.dumps(manifest))


def replace(file, data):
    """Give a linked file new contents without touching the original."""
    file.unlink()
    file.write_bytes(data)


def test_shipped_bundle_is_whole_and_small():
    bundle = load_bundle()
    assert bundle.precisions[0] == "int8" and "float16" in bundle.precisions
    assert sum(file.stat().st_size for file in DEFAULT_BUNDLE.iterdir()) <= 100 * 2**20
    for precision in bundle.precisions:
        metrics = bundle.manifest["metrics"][precision]
        assert {"CIDEr", "BLEU-4", "METEOR", "signature"} <= set(metrics)


def test_shipped_bundle_lists_no_foreign_file():
    manifest = json.loads((DEFAULT_BUNDLE / "manifest.json").read_text())
    documents = {"manifest.json", "README.md"}
    assert {file.name for file in DEFAULT_BUNDLE.iterdir()} - documents == set(manifest["files"])


def test_missing_bundle_says_what_to_type(tmp_path):
    with pytest.raises(BundleError, match="no model bundle at .*nowhere.*training.export"):
        load_bundle(tmp_path / "nowhere")


def test_one_changed_byte_is_found(bundle_copy):
    file = bundle_copy / "decoder.int8.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    replace(file, bytes(data))
    with pytest.raises(BundleError, match=r"decoder\.int8\.onnx: found sha256"):
        load_bundle(bundle_copy)


def test_git_lfs_pointer_is_recognised_by_its_size(bundle_copy):
    replace(bundle_copy / "encoder.int8.onnx", b"version https://git-lfs")
    with pytest.raises(BundleError, match="found 23 bytes.*LFS"):
        load_bundle(bundle_copy)


def test_missing_file(bundle_copy):
    (bundle_copy / "vocabulary.json").unlink()
    with pytest.raises(BundleError, match="vocabulary.json is missing"):
        load_bundle(bundle_copy)


def test_vocabulary_of_the_wrong_length(bundle_copy):
    def shrink(manifest):
        manifest["architecture"]["vocabulary_size"] -= 1

    edit(bundle_copy, shrink)
    with pytest.raises(BundleError, match="words, but the model predicts"):
        load_bundle(bundle_copy)


@pytest.mark.parametrize(
    ("keys", "value", "match"),
    [
        (("schema",), 2, "found schema 2"),
        (("schema",), None, "found schema None"),
        (("variants",), [], "expected the key 'variants'"),
        (("special_tokens", "<end>"), 7, "special tokens"),
        (("preprocessing", "resize"), "crop", "resize rule"),
        (("variants", "int8", "encoder"), "elsewhere.onnx", "not among its files"),
        (("files", "../escape"), {"bytes": 1, "sha256": ""}, "leaves the bundle"),
    ],
)
def test_wrong_manifest_is_refused(bundle_copy, keys, value, match):
    def change(manifest):
        *parents, last = keys
        for key in parents:
            manifest = manifest[key]
        manifest[last] = value

    edit(bundle_copy, change)
    with pytest.raises(BundleError, match=match):
        load_bundle(bundle_copy)


def test_manifest_that_is_no_json(bundle_copy):
    replace(bundle_copy / "manifest.json", b"{")
    with pytest.raises(BundleError, match="cannot read .*manifest.json"):
        load_bundle(bundle_copy)


def test_graphs_must_have_the_shapes_of_the_manifest(bundle_copy):
    def change(manifest):
        manifest["graphs"]["decoder"]["outputs"]["attention"]["shape"][2] = 50

    edit(bundle_copy, change)
    with pytest.raises(BundleError, match="tensor 'attention' is"):
        Captioner.load(bundle_copy, device="cpu")


def test_graphs_must_have_the_tensors_of_the_manifest():
    bundle = load_bundle()
    with pytest.raises(BundleError, match="found the tensors"):
        check_tensors(bundle, "encoder", DEFAULT_BUNDLE, {"x": Tensor("uint8", ("B",))})


def test_unknown_backend_precision_and_device():
    for values in ({"backend": "abacus"}, {"precision": "int3"}, {"device": "tpu"}):
        with pytest.raises(BackendError, match="expected one of"):
            Captioner.load(**values)


def test_precision_that_the_bundle_lacks():
    with pytest.raises(BundleError, match="carries no precision 'float32'"):
        Captioner.load(precision="float32", device="cpu")
