"""The node takes only models that a trusted key signed, where it is told so."""

from bundles import manifest_of
from keys import key_pair
from ros_harness import Process

from ros2_captioner.bundle.signatures import sign


def test_an_unsigned_model_is_refused_and_a_signed_one_loaded(bundle_copy, tmp_path):
    private, public = key_pair(tmp_path, "ours")
    parameters = {"model": str(bundle_copy), "require_signed_model": str(public), "device": "cpu"}
    refused = Process("captioner_node", tmp_path / "refused.log", **parameters)
    try:
        refused.wait_for_log("cannot configure:")
        assert f"{bundle_copy / 'manifest.json'} is not signed" in refused.log
    finally:
        refused.stop()
    sign(bundle_copy / "manifest.json", private)
    trusting = Process("captioner_node", tmp_path / "trusting.log", **parameters)
    try:
        trusting.wait_for_log("on onnxruntime cpu int8")
    finally:
        trusting.stop()


def test_the_name_of_a_model_steers_no_terminal(bundle_copy, tmp_path):
    with manifest_of(bundle_copy) as manifest:
        manifest["name"] = "a\x1b[2J\nb"
    node = Process("captioner_node", tmp_path / "log", model=str(bundle_copy), device="cpu")
    try:
        node.wait_for_log("model a\\x1b[2J\\nb (")
    finally:
        node.stop()
