"""Signed manifests: keys as OpenSSL makes them, and every way in which a signature is no good."""

import errno
import os
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from keys import key_pair

from ros2_captioner.bundle import load_bundle
from ros2_captioner.bundle.signatures import check_signature, sign, signature_file
from ros2_captioner.errors import BundleError


@pytest.fixture
def manifest(tmp_path):
    file = tmp_path / "manifest.json"
    file.write_text('{"schema": 1}')
    return file


def test_the_key_that_signed_is_found_among_several(manifest, tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    key_pair(folder, "another")
    private, public = key_pair(folder, "ours")
    assert sign(manifest, private) == signature_file(manifest)
    assert check_signature(manifest, manifest.read_bytes(), folder) == public


def test_a_changed_manifest_is_refused(manifest, tmp_path):
    private, public = key_pair(tmp_path, "ours")
    sign(manifest, private)
    with pytest.raises(BundleError, match=r"manifest.json was changed since"):
        check_signature(manifest, b'{"schema": 2}', public)


def test_the_key_of_somebody_else_is_refused_with_the_command(manifest, tmp_path):
    (tmp_path / "our model").mkdir()
    manifest = manifest.rename(tmp_path / "our model" / manifest.name)
    sign(manifest, key_pair(tmp_path, "ours")[0])
    _, other = key_pair(tmp_path, "other")
    with pytest.raises(BundleError, match="none of the trusted keys .*sign '/.*/our model' --key"):
        check_signature(manifest, manifest.read_bytes(), other)


def test_an_unsigned_manifest_is_refused_with_the_command(manifest, tmp_path):
    _, public = key_pair(tmp_path, "ours")
    with pytest.raises(BundleError, match=r"not signed .* captioner_bundle sign .* --key KEY"):
        check_signature(manifest, manifest.read_bytes(), public)


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\0" * 1000])
def test_nonsense_is_no_signature(manifest, tmp_path, signature):
    _, public = key_pair(tmp_path, "ours")
    signature_file(manifest).write_bytes(signature)
    with pytest.raises(BundleError, match="none of the trusted keys"):
        check_signature(manifest, manifest.read_bytes(), public)


def test_keys_that_cannot_be_used_are_named(manifest, tmp_path):
    private, public = key_pair(tmp_path, "ours")
    sign(manifest, private)
    elliptic_private, elliptic = key_pair(
        tmp_path, "elliptic", ec.generate_private_key(ec.SECP256R1())
    )
    (tmp_path / "empty").mkdir()
    for key, reason in {
        tmp_path / "missing.pub": "cannot read the key .*missing.pub: No such file or directory;",
        private: "cannot read the key",
        elliptic: r"found a key of kind \w+; expected Ed25519",
        tmp_path / "empty": r"found no key in .*expected files \*.pub",
    }.items():
        with pytest.raises(BundleError, match=reason):
            check_signature(manifest, manifest.read_bytes(), key)
    for key in (public, elliptic_private):
        with pytest.raises(BundleError, match="Type: openssl genpkey"):
            sign(manifest, key)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_openssl_makes_the_keys_and_checks_the_signature(manifest, tmp_path):
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    private, public = tmp_path / "robot.key", tmp_path / "robot.pub"
    openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    signature = sign(manifest, private)
    assert check_signature(manifest, manifest.read_bytes(), public) == public
    check = ("-verify", "-rawin", "-pubin", "-inkey", public, "-in", manifest)
    openssl("pkeyutl", *check, "-sigfile", signature)


def test_a_bundle_is_loaded_only_if_a_trusted_key_signed_it(bundle_copy, tmp_path):
    private, public = key_pair(tmp_path, "ours")
    with pytest.raises(BundleError, match="not signed"):
        load_bundle(bundle_copy, trusted_keys=public)
    sign(bundle_copy / "manifest.json", private)
    assert load_bundle(bundle_copy, trusted_keys=public).precisions
    _, other = key_pair(tmp_path, "other")
    with pytest.raises(BundleError, match="none of the trusted keys"):
        load_bundle(bundle_copy, trusted_keys=other)


def test_a_signature_that_cannot_be_written_leaves_the_old_one(manifest, tmp_path, monkeypatch):
    private, _ = key_pair(tmp_path, "ours")
    before = sign(manifest, private).read_bytes()

    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    manifest.write_text('{"schema": 2}')
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"cannot write .*manifest.json.sig: No space left"):
        sign(manifest, private)
    assert signature_file(manifest).read_bytes() == before
