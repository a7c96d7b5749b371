"""Read and verify a model bundle: manifest, vocabulary and single-file ONNX graphs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from ros2_captioner.bundle.external_data import has_external_data
from ros2_captioner.bundle.manifest import (
    REMEDY,
    Tensor,
    alike,
    parse_manifest,
    scores_by_source,
    tensors,
)
from ros2_captioner.bundle.signatures import check_signature
from ros2_captioner.errors import BundleError
from ros2_captioner.vocabulary import Vocabulary

MANIFEST, VOCABULARY = "manifest.json", "vocabulary.json"
DEFAULT_BUNDLE = Path(__file__).parents[1] / "models" / "default"
# What the captions of a search follow from; recording a metric does not make another model.
_IDENTITY = ("preprocessing", "special_tokens", "graphs", "variants", "files", "evidence")


@dataclass(frozen=True)
class Bundle:
    """A verified model bundle.

    Attributes:
        path: its directory.
        manifest: the parsed ``manifest.json``.
        vocabulary: its words.
        image_size: side of the encoder's input in pixels.
        digest: 12 hex digits that name the model: of its files and of how they are used, whatever
            was measured or noted of it.
    """

    path: Path
    manifest: Mapping[str, Any]
    vocabulary: Vocabulary
    image_size: int
    digest: str

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions it carries, the CPU default first."""
        return tuple(sorted(self.manifest["variants"], key=lambda name: name != "int8"))

    def scores(self, precision: str) -> dict[str, Mapping[str, Any]]:
        """What training measured of a variant, see `scores_by_source`."""
        return scores_by_source(self.manifest["metrics"].get(precision, {}))

    def cider(self, precision: str) -> float | None:
        """CIDEr as training measured it, x1, the mean over its data sets; None if it did not."""
        scored = self.scores(precision).values()
        found = [scores["CIDEr"] for scores in scored if "CIDEr" in scores]
        return mean(found) if found else None

    def graph(self, precision: str, part: str) -> Path:
        """Path of the ``encoder`` or ``decoder`` graph of a precision, to be opened at once.

        Raises:
            BundleError: the bundle does not carry that precision, the file changed since the
                bundle was loaded, it is no ONNX, or it keeps weights in another file.
        """
        variants = self.manifest["variants"]
        if precision not in variants:
            raise BundleError(
                f"{self.path} carries no precision {precision!r}; expected one of "
                f"{list(self.precisions)}, or 'auto'"
            )
        name = str(variants[precision][part])
        _check_file(self.path / name, self.manifest["files"][name])
        _check_self_contained(self.path / name)
        return self.path / name


def _check_self_contained(file: Path) -> None:
    """Refuse weights kept in other files: such a graph could read any file of the machine."""
    try:
        outside = has_external_data(file.read_bytes())
    except ValueError as error:
        raise BundleError(f"{file} is no ONNX graph: {error}. {REMEDY}") from error
    if outside:
        raise BundleError(
            f"{file} keeps weights in another file; expected a graph that is complete in itself. "
            f"{REMEDY}"
        )


def bundle_folder(path: Path | str = "") -> Path:
    """The directory that a path names, ``~`` allowed; that of the shipped model if empty."""
    return Path(os.path.expanduser(path)) if path else DEFAULT_BUNDLE


def load_bundle(path: Path | str = "", trusted_keys: Path | str = "") -> Bundle:
    """Read a bundle and check every file of it.

    Args:
        path: the bundle's directory, ``~`` allowed; the shipped model if empty.
        trusted_keys: a public key, or a folder of them, one of which must have signed the bundle,
            see `ros2_captioner.bundle.signatures`; any bundle is loaded if empty.

    Returns:
        The bundle, all hashes and the vocabulary checked. Tensor names and shapes are checked
        against the graphs when a backend opens them, see `check_tensors`.

    Raises:
        BundleError: names the file, what was found, what was expected, and the remedy.
    """
    folder = bundle_folder(path)
    manifest = _read_manifest(folder / MANIFEST, trusted_keys)
    for name, expected in manifest["files"].items():
        _check_file(folder / name, expected)
    vocabulary = _read_vocabulary(folder, manifest)
    size = int(manifest["preprocessing"]["size"])
    return Bundle(folder, manifest, vocabulary, size, _digest(manifest))


def _read_manifest(file: Path, trusted_keys: Path | str) -> dict[str, Any]:
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(
            f"no model bundle at {file.parent}; expected a directory with {MANIFEST}. Leave the "
            "model empty for the shipped one, or name a directory that training.export wrote"
        ) from error
    except OSError as error:
        raise BundleError(
            f"cannot read {file}: {error.strerror}; expected a file that you may read. {REMEDY}"
        ) from error
    if trusted_keys:  # before anything of it is believed
        check_signature(file, content, Path(os.path.expanduser(trusted_keys)))
    return parse_manifest(file, content)


def _digest(manifest: Mapping[str, Any]) -> str:
    identity = {key: manifest[key] for key in _IDENTITY if key in manifest}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def _check_file(file: Path, expected: Mapping[str, Any]) -> None:
    """Refuse a file that is not what the manifest says."""
    try:
        size = file.stat().st_size
        # A file of another size, however large, is not read.
        found = _sha256(file) if size == expected["bytes"] else ""
    except FileNotFoundError as error:
        raise BundleError(f"{file} is missing, though {MANIFEST} lists it; {REMEDY}") from error
    except OSError as error:
        raise BundleError(
            f"cannot read {file}: {error.strerror}; expected a file that you may read. {REMEDY}"
        ) from error
    if size != expected["bytes"]:
        raise BundleError(
            f"{file}: found {size} bytes, expected {expected['bytes']}. A Git LFS pointer or a "
            f"broken copy? Copy it again, or {REMEDY}"
        )
    if found != expected["sha256"]:
        raise BundleError(
            f"{file}: found sha256 {found[:12]}..., expected {expected['sha256'][:12]}...; the "
            f"file was changed. Copy it again, or {REMEDY}"
        )


def _sha256(file: Path) -> str:
    """Through one small buffer: to hold a whole graph takes as long as to hash it."""
    digest, buffer = hashlib.sha256(), bytearray(2**18)
    view = memoryview(buffer)
    with file.open("rb", buffering=0) as stream:
        while count := stream.readinto(view):
            digest.update(view[:count])
    return digest.hexdigest()


def _read_vocabulary(folder: Path, manifest: Mapping[str, Any]) -> Vocabulary:
    vocabulary = Vocabulary.read(folder / VOCABULARY)
    expected = manifest["architecture"]["vocabulary_size"]
    if len(vocabulary) != expected:
        raise BundleError(
            f"{folder / VOCABULARY}: found {len(vocabulary)} words, but the model predicts "
            f"{expected}; {REMEDY}"
        )
    evidence = manifest.get("evidence", {})
    groups = [evidence.get(name, {}) for name in ("objects", "scene")]
    words = [word for objects in groups for named in objects.values() for word in named]
    strange = [word for word in words if not vocabulary.known_ids([word])]
    if strange:
        raise BundleError(
            f"{folder / MANIFEST}: evidence names {strange[:3]}; expected words of "
            f"{VOCABULARY}. {REMEDY}"
        )
    return vocabulary


def check_tensors(bundle: Bundle, part: str, file: Path, found: Mapping[str, Tensor]) -> None:
    """Compare an opened graph's inputs and outputs with the manifest.

    Fixed dimensions and names must agree; dtypes too, except that a float tensor may be float16 or
    float32, as its variant is.

    Raises:
        BundleError: names the first tensor that differs.
    """
    expected = {
        name: tensor
        for side in ("inputs", "outputs")
        for name, tensor in tensors(bundle.manifest, part, side).items()
    }
    if set(expected) != set(found):
        raise BundleError(
            f"{file}: found the tensors {sorted(found)}, expected {sorted(expected)}; {REMEDY}"
        )
    for name, tensor in expected.items():
        if not alike(_fixed(tensor), _fixed(found[name])):
            raise BundleError(
                f"{file}: tensor {name!r} is {found[name]}, expected {tensor}; {REMEDY}"
            )


def _fixed(tensor: Tensor) -> Tensor:
    """Runtimes give dynamic sizes other names."""
    return Tensor(tensor.dtype, tuple(s if isinstance(s, int) else "" for s in tensor.shape))
