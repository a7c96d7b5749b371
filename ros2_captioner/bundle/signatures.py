"""Signatures of model bundles: Ed25519 over the manifest, which holds the hash of every file.

Keys are PEM files as OpenSSL writes them, a signature is the 64 raw bytes, so OpenSSL can make the
keys and check the signature: ``openssl pkeyutl -verify -rawin``.
"""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ros2_captioner.errors import BundleError
from ros2_captioner.output_files import replace_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SUFFIX = ".sig"
_NEW_KEY = "openssl genpkey -algorithm ed25519 -out KEY"
_PUBLIC_KEY = "openssl pkey -in KEY -pubout -out KEY.pub"


def signature_file(manifest: Path) -> Path:
    """Where the signature of a manifest lies."""
    return manifest.with_name(manifest.name + SUFFIX)


def sign(manifest: Path, key: Path) -> Path:
    """Sign a manifest.

    Args:
        manifest: the file that is signed.
        key: Ed25519 private key, PEM without a passphrase.

    Returns:
        The signature's file.

    Raises:
        BundleError: the key cannot be read, or is of another kind; cryptography is not installed.
        OSError: the manifest cannot be read, or the signature's file not written.
    """
    _check_installed()
    file = signature_file(manifest)
    replace_file(file, _private_key(key).sign(manifest.read_bytes()))
    return file


def check_signature(manifest: Path, content: bytes, trusted_keys: Path) -> Path:
    """Check that one of the trusted keys signed a manifest.

    Args:
        manifest: its file, beside which the signature lies.
        content: what was read from it.
        trusted_keys: a public key (PEM), or a folder of them, ``*.pub``.

    Returns:
        The key that signed it.

    Raises:
        BundleError: there is no signature, none of the keys made it, or a key cannot be read;
            cryptography is not installed.
    """
    _check_installed()
    from cryptography.exceptions import InvalidSignature

    keys = dict(_public_keys(trusted_keys))
    file = signature_file(manifest)
    try:
        signature = file.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{manifest} is not signed ({error.strerror or error}), but only signed models are "
            f"taken; type: captioner_bundle sign {shlex.quote(str(manifest.parent))} --key KEY"
        ) from error
    for name, key in keys.items():
        try:
            key.verify(signature, content)
        except InvalidSignature:
            continue
        return name
    raise BundleError(
        f"{file} was made by none of the trusted keys {[str(name) for name in keys]}, or "
        f"{manifest.name} was changed since. Copy the bundle again, or sign it: "
        f"captioner_bundle sign {shlex.quote(str(manifest.parent))} --key KEY"
    )


def _check_installed() -> None:
    """Refuse to go on without the optional package, before anything else imports it."""
    try:
        importlib.import_module("cryptography.hazmat.primitives.serialization")
    except ImportError as error:
        raise BundleError(
            f"signatures need the package cryptography ({error}); "
            "type: sudo apt install python3-cryptography, or pip install cryptography"
        ) from error


def _public_keys(trusted: Path) -> Iterator[tuple[Path, Ed25519PublicKey]]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    files = sorted(trusted.glob("*.pub")) if trusted.is_dir() else [trusted]
    if not files:
        raise BundleError(f"found no key in {trusted}; expected files *.pub. Type: {_PUBLIC_KEY}")
    for file in files:
        key = _loaded(file, "load_pem_public_key", _PUBLIC_KEY)
        if not isinstance(key, Ed25519PublicKey):
            raise _wrong_kind(file, key, _PUBLIC_KEY)
        yield file, key


def _private_key(file: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = _loaded(file, "load_pem_private_key", _NEW_KEY, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise _wrong_kind(file, key, _NEW_KEY)
    return key


def _wrong_kind(file: Path, key: Any, remedy: str) -> BundleError:
    found = type(key).__name__.lstrip("_")
    return BundleError(f"{file}: found a key of kind {found}; expected Ed25519. Type: {remedy}")


def _loaded(file: Path, loader: str, remedy: str, **options: Any) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        return getattr(serialization, loader)(file.read_bytes(), **options)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BundleError(
            f"cannot read the key {file}: {why}; expected PEM without a passphrase. Type: {remedy}"
        ) from error
