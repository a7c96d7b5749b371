"""The shipped bundle, and every way in which a bundle can be wrong."""

import json
from hashlib import sha256

import pytest
from bundles import manifest_of, replace

from ros2_captioner.bundle import DEFAULT_BUNDLE, check_tensors, load_bundle
from ros2_captioner.bundle.manifest import Tensor
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError, BundleError


def replace_and_record(bundle, name, data):
    """Other contents of a file, and the manifest that says so."""
    replace(bundle / name, data)
    with manifest_of(bundle) as manifest:
        manifest["files"][name] = {"bytes": len(data), "sha256": sha256(data).hexdigest()}


def test_shipped_bundle_is_whole_and_small():
    bundle = load_bundle()
    assert bundle.precisions[0] == "int8" and "float16" in bundle.precisions
    assert sum(file.stat().st_size for file in DEFAULT_BUNDLE.iterdir()) <= 100 * 2**20
    for precision in bundle.precisions:
        scored = bundle.scores(precision)
        for source in ("coco", "flickr8k"):
            assert {"CIDEr", "BLEU-4", "METEOR", "CHAIR_i", "signature"} <= set(scored[source])
        assert "people invented" in scored["ade20k"]


def test_scores_of_schema_1_have_no_data_set(bundle_copy):
    with manifest_of(bundle_copy) as manifest:
        manifest["metrics"] = {"int8": {"CIDEr": 0.6}}
    bundle = load_bundle(bundle_copy)
    assert bundle.scores("int8") == {"": {"CIDEr": 0.6}} and bundle.cider("int8") == 0.6
    assert bundle.cider("float16") is None


def test_an_older_bundle_is_searched_as_it_was_measured(bundle_copy):
    with manifest_of(bundle_copy) as manifest:
        del manifest["decoding"]["no_repeat_objects"], manifest["decoding"]["never_last"]
    search = Captioner.load(bundle_copy, device="cpu").default_options()
    assert not search.no_repeat_objects and search.never_last == ()


def test_shipped_bundle_lists_no_foreign_file():
    manifest = json.loads((DEFAULT_BUNDLE / "manifest.json").read_text())
    documents = {"manifest.json", "README.md"}
    assert {file.name for file in DEFAULT_BUNDLE.iterdir()} - documents == set(manifest["files"])


def test_a_tilde_is_the_home_folder(bundle_copy, monkeypatch):
    monkeypatch.setenv("HOME", str(bundle_copy.parent))
    assert load_bundle(f"~/{bundle_copy.name}").path == bundle_copy
    with pytest.raises(BundleError, match=str(bundle_copy.parent / "keys")):
        load_bundle(f"~/{bundle_copy.name}", "~/keys")


@pytest.mark.parametrize("place", ["nowhere", "a folder", "a file"])
def test_missing_bundle_says_what_to_type(tmp_path, place):
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a file").touch()
    with pytest.raises(BundleError, match=f"no model bundle at .*{place}; .*training.export"):
        load_bundle(tmp_path / place)


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
    words = json.loads((bundle_copy / "vocabulary.json").read_text())["words"]
    content = json.dumps({"words": words[:-1]}).encode()
    replace_and_record(bundle_copy, "vocabulary.json", content)
    with pytest.raises(BundleError, match="words, but the model predicts"):
        load_bundle(bundle_copy)


def test_graphs_must_have_the_shapes_of_the_manifest(bundle_copy):
    with manifest_of(bundle_copy) as manifest:
        manifest["graphs"]["decoder"]["outputs"]["attention"]["shape"][2] = 50
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


def test_an_empty_graph_is_named(bundle_copy):
    replace_and_record(bundle_copy, "encoder.int8.onnx", b"")
    with pytest.raises(BundleError, match=r"files\.encoder\.int8\.onnx\.bytes.*minimum 1"):
        load_bundle(bundle_copy)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_file_that_is_no_graph_is_named(bundle_copy, backend):
    pytest.importorskip(backend)
    replace_and_record(bundle_copy, "encoder.int8.onnx", b"not a graph")
    with pytest.raises(BundleError, match=r"encoder\.int8\.onnx is no ONNX graph.*export it"):
        Captioner.load(bundle_copy, backend=backend, precision="int8", device="cpu")


def test_a_file_that_changes_after_loading_is_not_opened(bundle_copy):
    bundle = load_bundle(bundle_copy)
    for content, match in ((b"other", "found 5 bytes"), (None, "is missing")):
        (bundle_copy / "decoder.int8.onnx").unlink()
        if content is not None:
            (bundle_copy / "decoder.int8.onnx").write_bytes(content)
        with pytest.raises(BundleError, match=match):
            bundle.graph("int8", "decoder")


def test_a_file_that_cannot_be_read_is_named(bundle_copy, monkeypatch):
    (bundle_copy / "vocabulary.json").unlink()
    (bundle_copy / "vocabulary.json").symlink_to(bundle_copy / "vocabulary.json")
    with pytest.raises(BundleError, match=r"cannot read .*vocabulary\.json.*expected a file"):
        load_bundle(bundle_copy)


def test_cider_is_the_mean_over_the_data_sets(bundle_copy):
    with manifest_of(bundle_copy) as manifest:
        manifest["metrics"] = {
            "int8": {"a": {"CIDEr": 0.4}, "b": {"CIDEr": 0.8}, "c": {"people invented": 0.1}}
        }
    bundle = load_bundle(bundle_copy)
    assert bundle.cider("int8") == pytest.approx(0.6) and bundle.cider("float16") is None


def test_the_digest_names_the_weights_and_not_what_was_noted_of_them(bundle_copy):
    with manifest_of(bundle_copy) as manifest:
        manifest["metrics"]["int8"]["flickr8k"]["CIDEr"] = 9.9
        manifest["training"]["seed"] = 99
        manifest["decoding"]["beam_width"] = 5
    assert load_bundle(bundle_copy).digest == load_bundle().digest
    with manifest_of(bundle_copy) as manifest:
        del manifest["variants"]["float16"]
    assert load_bundle(bundle_copy).digest != load_bundle().digest


@pytest.mark.parametrize("group", ["objects", "scene"])
def test_evidence_names_words_of_the_vocabulary(bundle_copy, group):
    evidence = {"objects": {}, "scene": {}, group: {"thing": {"flibbertigibbet": -1.0}}}
    with manifest_of(bundle_copy) as manifest:
        manifest["evidence"] = evidence
    with pytest.raises(BundleError, match=r"evidence names \['flibbertigibbet'\]; expected words"):
        load_bundle(bundle_copy)


def test_what_a_later_version_notes_of_evidence_is_passed_over(bundle_copy):
    with manifest_of(bundle_copy) as manifest:
        manifest["evidence"] |= {"share": 0.5, "notes": ["x"]}
    assert Captioner.load(bundle_copy, device="cpu").bundle.path == bundle_copy


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["<start>", "<end>"], "begins with"),
        (["<start>", "<end>", "<unk>", "dog", "dog"], "lists a word twice"),
        (["<start>", "<end>", "<unk>", 7], "cannot read"),
        (["<start>", "<end>", "<unk>", "\ud800"], "cannot read"),
        ("<start>", "expected a list"),
        ([[]], "cannot read"),
    ],
)
def test_a_wrong_vocabulary_is_named(bundle_copy, words, match):
    content = json.dumps({"words": words}).encode()
    replace_and_record(bundle_copy, "vocabulary.json", content)
    with pytest.raises(BundleError, match=rf"vocabulary\.json.*{match}|{match}.*vocabulary\.json"):
        load_bundle(bundle_copy)
